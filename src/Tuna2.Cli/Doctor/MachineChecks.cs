using System.Runtime.InteropServices;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Text;

namespace Tuna2.Cli.Doctor;

/// <summary>What the CPU engine needs of a machine.</summary>
internal static class MachineChecks
{
    /// <summary>Looks at everything.</summary>
    public static IEnumerable<Check> Run(CpuReport cpu) =>
    [
        Check.Ok("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}"),
        cpu.Simd == SimdLevel.Scalar
            ? new("processor", CheckStatus.Problem, DeviceText.Processor(cpu), ".NET uses no vector instructions here: everything works, and takes many times as long")
            : Check.Ok("processor", DeviceText.Processor(cpu)),
        Check.Ok("memory", DeviceText.Memory(cpu)),
        Text(),
        Pictures(),
        Films(),
        Folder("current folder", Environment.CurrentDirectory, "pictures are written here unless --output names another place"),
        Folder("temporary folder", Path.GetTempPath(), "set TMPDIR to a folder that can be written to"),
    ];

    private static Check Text() => Tokenizer.CanNormalize
        ? Check.Ok("text", "Unicode normalisation works") with { Needed = true }
        : new("text", CheckStatus.Problem, "no Unicode normalisation: prompts beyond Latin letters are refused", "unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT, and install ICU (on Debian libicu, on Alpine icu-libs)") { Needed = true };

    /// <summary>A picture is written and read: whether the native library of SkiaSharp is there shows only when it is used.</summary>
    private static Check Pictures()
    {
        const string name = "pictures";
        try
        {
            var picture = new RgbImage(2, 1, new byte[] { 255, 0, 0, 0, 0, 255 });
            var read = RgbImage.FromBytes(picture.Encode(ImageFormat.Png));
            return (read.Width, read.Height) == (2, 1)
                ? Check.Ok(name, "PNG, JPEG, WebP, BMP and GIF can be read (SkiaSharp's native library loads)") with { Needed = true }
                : Broken("a picture was read with another size than it was written with");
        }
        // Whatever it is, it is what the user has to know.
#pragma warning disable CA1031
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Broken((e.InnerException ?? e).Message);
        }

        static Check Broken(string why) => new(name, CheckStatus.Problem, $"no picture can be read: {why}", "install tuna2 anew: libSkiaSharp belongs beside the program, for this system and processor") { Needed = true };
    }

    /// <summary>ffmpeg is started to ask its version: a program that lacks a library is found, too.</summary>
    private static Check Films()
    {
        const string name = "ffmpeg";
        const string advice = $"writes MP4 and reads films; animated PNG, WebP and GIF need none. Install ffmpeg, or let {FfmpegReport.Variable} name it";
        var ffmpeg = FfmpegReport.Find();
        if (ffmpeg.Path is null)
            return new(name, CheckStatus.Missing, "no ffmpeg", advice) { LookedIn = ffmpeg.Candidates };
        try
        {
            var version = $"{ffmpeg.Path}, version {ffmpeg.ReadVersion()}";
            return ffmpeg.ProbePath is null
                ? new(name, CheckStatus.Problem, $"{version}, but no ffprobe beside it: MP4 can be written, films cannot be read", advice)
                : Check.Ok(name, version);
        }
        catch (ImageException e)
        {
            return new(name, CheckStatus.Problem, e.Message, advice) { LookedIn = ffmpeg.Candidates };
        }
    }

    private static Check Folder(string name, string path, string advice)
    {
        try
        {
            using var probe = new FileStream(Path.Combine(path, $".tuna2-{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return Check.Ok(name, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(name, CheckStatus.Problem, $"{path} cannot be written to{(e is UnauthorizedAccessException ? "" : $": {e.Message}")}", advice);
        }
    }
}
