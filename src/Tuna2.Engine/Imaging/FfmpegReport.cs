using System.ComponentModel;
using System.Diagnostics;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// What came of looking for ffmpeg, which writes MP4 files and reads films. It is a program of its own, and not needed for animated
/// PNG, WebP and GIF.
/// </summary>
/// <param name="Path">The program; null when it was not found.</param>
/// <param name="ProbePath">ffprobe beside it, needed to read films; null when it was not found.</param>
/// <param name="Candidates">Everywhere it was looked for, in order; the last one has it if <paramref name="Path"/> is not null.</param>
public sealed record FfmpegReport(string? Path, string? ProbePath, IReadOnlyList<LibraryCandidate> Candidates)
{
    /// <summary>The environment variable that names the program or its folder; then it is looked for nowhere else.</summary>
    public const string Variable = "TUNA2_FFMPEG_PATH";

    private static readonly string s_ending = OperatingSystem.IsWindows() ? ".exe" : "";

    /// <summary>Looks for it: where <see cref="Variable"/> says, else in the folders of PATH. Nothing is started.</summary>
    public static FfmpegReport Find()
    {
        var candidates = new List<LibraryCandidate>();
        foreach (var (origin, place) in Places())
        {
            var program = File.Exists(place) ? place : System.IO.Path.Combine(place, "ffmpeg" + s_ending);
            if (!File.Exists(program))
            {
                candidates.Add(new(origin, place, Found: false, Directory.Exists(place) ? "not in this folder" : "no such file or folder"));
                continue;
            }
            candidates.Add(new(origin, program, Found: true, Problem: null));
            var probe = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(program)!, "ffprobe" + s_ending);
            return new(program, File.Exists(probe) ? probe : null, candidates);
        }
        return new(null, null, candidates);
    }

    /// <summary>What is missing and where it was looked for, in one line. Meaningful while <see cref="Path"/> is null.</summary>
    public string Failure => Candidates is [{ Origin: Variable } chosen]
        ? $"no ffmpeg where {Variable} says ({OneLine.Of(chosen.Path)})"
        : $"no ffmpeg in the folders of PATH ({string.Join(", ", Candidates.Select(place => place.Path))}); install it, or let {Variable} name it";

    /// <summary>Its version, "5.1.9", by starting it.</summary>
    /// <exception cref="ImageException">It does not start, or is no ffmpeg; the message says why.</exception>
    public string ReadVersion()
    {
        var start = new ProcessStartInfo(Path ?? throw new ImageException(Failure), ["-version"]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            var first = process.StandardOutput.ReadLine() ?? "";
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return first.Split(' ') is ["ffmpeg", "version", var version, ..] ? version : throw new ImageException($"{Path}: not ffmpeg: it answers '{OneLine.Of(first)}'");
        }
        catch (Win32Exception e)
        {
            throw new ImageException($"{Path}: does not start: {OneLine.Of(e.Message)}", e);
        }
    }

    private static IEnumerable<(string Origin, string Path)> Places() => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen
        ? [(Variable, chosen)]
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Distinct().Select(folder => ("PATH", folder));
}
