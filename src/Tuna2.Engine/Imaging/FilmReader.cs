using System.Globalization;
using System.Text.Json;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Reads a film by ffmpeg. ffprobe tells its rate; the frames come through a pipe as PPM pictures, which name their own size, upright
/// and with square pixels. Neither program may open anything but the file: a playlist cannot lead elsewhere.
/// </summary>
internal static class FilmReader
{
    public static VideoClip Read(string path, VideoReadOptions options, CancellationToken cancellation)
    {
        var ffmpeg = FfmpegReport.Find();
        if (ffmpeg.Path is null)
            throw new ImageException($"{path}: not an animated PNG, WebP or GIF, and another film needs ffmpeg: {ffmpeg.Failure}");
        if (ffmpeg.ProbePath is null)
            throw new ImageException($"{path}: not an animated PNG, WebP or GIF, and another film needs ffprobe, which is not beside {ffmpeg.Path}");
        var (rate, total) = Probe(ffmpeg.ProbePath, path, options.Spread && options.MaxFrames is not null, cancellation);
        var frames = new FrameCollector(path, options, total);
        using var process = new FfmpegProcess(ffmpeg.Path, Arguments(path, rate, total is null ? options.MaxFrames : null), $"{path}: cannot be read", cancellation);
        try
        {
            using var output = new BufferedStream(process.Output, 1 << 16);
            while (!frames.IsFull && NextFrame(output, path) is { } frame)
                frames.Offer(1, () => frame);
        }
        catch (IOException e)
        {
            process.Finish();
            throw process.Failed(e);
        }
        cancellation.ThrowIfCancellationRequested();
        if (!frames.IsFull)
            process.Finish(); // it ended by itself: whether well, its exit code says
        return frames.Finish(rate.Numerator / (double)rate.Denominator);
    }

    /// <summary>The comment of a film; null where it has none.</summary>
    /// <exception cref="ImageException">ffprobe is missing, or cannot read it.</exception>
    public static string? ReadComment(string path)
    {
        var ffmpeg = FfmpegReport.Find();
        if (ffmpeg.ProbePath is not { } probe)
            throw new ImageException($"{path}: the comment of an MP4 needs ffprobe: {(ffmpeg.Path is null ? ffmpeg.Failure : $"it is not beside {ffmpeg.Path}")}");
        using var json = Ask(probe, path, ["-show_entries", "format_tags=comment"], CancellationToken.None);
        try
        {
            return json.RootElement.TryGetProperty("format", out var format) && format.TryGetProperty("tags", out var tags) && tags.TryGetProperty("comment", out var comment)
                ? comment.GetString()
                : null;
        }
        catch (InvalidOperationException e)
        {
            throw Nonsense(path, e);
        }
    }

    private static IEnumerable<string> Arguments(string path, (int Numerator, int Denominator) rate, int? frames) =>
    [
        "-hide_banner", "-v", "error", "-nostats", "-nostdin", "-protocol_whitelist", "file", "-i", $"file:{Path.GetFullPath(path)}",
        "-map", "0:V:0",
        "-vf", $"fps={rate.Numerator}/{rate.Denominator},scale=iw*sar:ih:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24",
        .. frames is { } most ? ["-frames:v", most.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
        "-f", "image2pipe", "-c:v", "ppm", "pipe:1",
    ];

    /// <summary>The average rate of a film, and, where it is asked for, how many frames it has: they are counted, since files lie.</summary>
    private static ((int Numerator, int Denominator) Rate, int? Frames) Probe(string program, string path, bool count, CancellationToken cancellation)
    {
        string[] what = ["-select_streams", "V:0", .. count ? ["-count_packets"] : Array.Empty<string>(), "-show_entries", "stream=avg_frame_rate,r_frame_rate,nb_read_packets"];
        using var json = Ask(program, path, what, cancellation);
        try
        {
            if (!json.RootElement.TryGetProperty("streams", out var streams) || streams.GetArrayLength() == 0)
                throw new ImageException($"{path}: not a film: there is no video in it");
            var stream = streams[0];
            var rate = Fraction(stream, "avg_frame_rate") ?? Fraction(stream, "r_frame_rate") ?? ((int)VideoClip.DefaultFramesPerSecond, 1);
            var frames = stream.TryGetProperty("nb_read_packets", out var packets) && int.TryParse(packets.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (int?)null;
            return (rate, count ? frames : null);
        }
        catch (InvalidOperationException e)
        {
            throw Nonsense(path, e);
        }
    }

    private static JsonDocument Ask(string program, string path, IEnumerable<string> what, CancellationToken cancellation)
    {
        using var process = new FfmpegProcess(program, ["-v", "error", "-protocol_whitelist", "file", .. what, "-of", "json", $"file:{Path.GetFullPath(path)}"], $"{path}: not a film", cancellation);
        using var answer = new MemoryStream();
        process.Output.CopyTo(answer);
        process.Finish();
        try
        {
            return JsonDocument.Parse(answer.GetBuffer().AsMemory(0, (int)answer.Length));
        }
        catch (JsonException e)
        {
            throw Nonsense(path, e);
        }
    }

    private static ImageException Nonsense(string path, Exception e) => new($"{path}: ffprobe's answer makes no sense", e);

    private static (int, int)? Fraction(JsonElement stream, string name) =>
        stream.TryGetProperty(name, out var value) && value.GetString()?.Split('/') is [var above, var below]
        && int.TryParse(above, NumberStyles.None, CultureInfo.InvariantCulture, out var numerator) && int.TryParse(below, NumberStyles.None, CultureInfo.InvariantCulture, out var denominator)
        && numerator > 0 && denominator > 0 && numerator / (double)denominator <= VideoClip.MaxFramesPerSecond
            ? (numerator, denominator)
            : null;

    /// <summary>The next PPM picture: "P6", width, height and 255, a white space behind each, then the bytes; null at the end.</summary>
    private static RgbImage? NextFrame(Stream pipe, string name)
    {
        if (Token(pipe) is not { } magic)
            return null;
        if (magic != "P6" || !int.TryParse(Token(pipe), out var width) || !int.TryParse(Token(pipe), out var height) || Token(pipe) != "255")
            throw new ImageException($"{name}: ffmpeg's answer makes no sense");
        RgbImage.CheckSize(name, width, height);
        var pixels = new byte[width * height * 3];
        pipe.ReadExactly(pixels);
        return new(width, height, pixels);
    }

    private static string? Token(Stream pipe)
    {
        var token = "";
        for (int b; (b = pipe.ReadByte()) >= 0 && token.Length < 16; token += (char)b)
            if (b is ' ' or '\n')
                return token;
        return token.Length == 0 ? null : token;
    }
}
