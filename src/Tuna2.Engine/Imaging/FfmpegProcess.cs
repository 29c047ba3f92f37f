using System.ComponentModel;
using System.Diagnostics;

namespace Tuna2.Engine.Imaging;

/// <summary>A run of ffmpeg or ffprobe: pipes in and out, its last words kept for an error, killed when it is stopped or forgotten.</summary>
internal sealed class FfmpegProcess : IDisposable
{
    private readonly Process _process;
    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _stopped;
    private readonly string _task;
    private volatile string? _lastWords;

    /// <summary>Starts it.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">Arguments, as they are: no shell sees them.</param>
    /// <param name="task">What errors begin with: "cannot write out.mp4".</param>
    /// <param name="cancellation">Kills it.</param>
    /// <exception cref="ImageException">It does not start.</exception>
    public FfmpegProcess(string program, IEnumerable<string> arguments, string task, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        (_task, _cancellation) = (task, cancellation);
        Name = Path.GetFileNameWithoutExtension(program);
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new ImageException($"{task}: {program} does not start: {OneLine.Of(e.Message)}", e);
        }
        _process.ErrorDataReceived += (_, line) =>
        {
            if (!string.IsNullOrWhiteSpace(line.Data) && line.Data != "Conversion failed!")
                _lastWords = line.Data.Trim();
        };
        _process.BeginErrorReadLine();
        _stopped = cancellation.Register(Kill);
    }

    private string Name { get; }

    /// <summary>Its standard input.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>Its standard output.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Closes its input and waits for its end.</summary>
    /// <exception cref="ImageException">It failed; its last words say why.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void Finish()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it had read everything: its exit code says whether that was a failure.
        }
        _process.WaitForExit();
        _cancellation.ThrowIfCancellationRequested();
        if (_process.ExitCode != 0)
            throw Failed();
    }

    /// <summary>That it failed, and its last words.</summary>
    public ImageException Failed(Exception? inner = null) => new($"{_task}: {Name} failed: {(_lastWords is { } words ? OneLine.Of(words) : _process.HasExited ? $"exit code {_process.ExitCode}" : "it closed its pipe")}", inner);

    public void Dispose()
    {
        _stopped.Dispose();
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended.
        }
    }
}
