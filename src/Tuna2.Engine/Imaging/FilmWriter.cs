using System.Globalization;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Writes H.264 in MP4 by ffmpeg, which is given raw frames through a pipe. What every player shows alike: 4:2:0, BT.709 and marked
/// so, the index at the front. 4:2:0 has even sides: an odd one gets its last row or column twice.
/// </summary>
internal static class FilmWriter
{
    public static byte[] Encode(VideoClip clip, ImageWriteOptions options, CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("tuna2-");
        try
        {
            var file = Path.Combine(folder.FullName, "clip.mp4");
            Write(clip, file, "an MP4", options, cancellation);
            return File.ReadAllBytes(file);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Writes a file.</summary>
    /// <param name="clip">The frames.</param>
    /// <param name="file">Where ffmpeg writes.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="options">Quality and texts.</param>
    /// <param name="cancellation">Kills ffmpeg.</param>
    public static void Write(VideoClip clip, string file, string name, ImageWriteOptions options, CancellationToken cancellation)
    {
        var (width, height) = (clip.Width + (clip.Width & 1), clip.Height + (clip.Height & 1));
        using var ffmpeg = new FfmpegProcess(Program(name), Arguments(clip, file, width, height, options), $"cannot write {name}", cancellation);
        var frame = new byte[width * height * 3];
        try
        {
            foreach (var image in clip.Frames)
            {
                for (var y = 0; y < height; y++)
                {
                    var row = image.Row(Math.Min(y, image.Height - 1));
                    var to = frame.AsSpan(y * width * 3, width * 3);
                    row.CopyTo(to);
                    row[^3..].CopyTo(to[^3..]);
                }
                ffmpeg.Input.Write(frame);
            }
            ffmpeg.Input.Flush();
        }
        catch (IOException e)
        {
            ffmpeg.Finish();
            throw ffmpeg.Failed(e);
        }
        ffmpeg.Finish();
        if (!File.Exists(file))
            throw ffmpeg.Failed();
    }

    /// <summary>The ffmpeg that would write.</summary>
    /// <param name="name">What errors call the file.</param>
    /// <exception cref="ImageException">There is none.</exception>
    public static string Program(string name)
    {
        var ffmpeg = FfmpegReport.Find();
        return ffmpeg.Path ?? throw new ImageException($"cannot write {name}: MP4 needs ffmpeg: {ffmpeg.Failure}");
    }

    private static IEnumerable<string> Arguments(VideoClip clip, string file, int width, int height, ImageWriteOptions options) =>
    [
        "-hide_banner", "-v", "error", "-nostats",
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", $"{width}x{height}", "-framerate", clip.FramesPerSecond.ToString("R", CultureInfo.InvariantCulture), "-i", "pipe:0",
        "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p",
        "-c:v", "libx264", "-preset", "medium", "-crf", Crf(options.Quality).ToString(CultureInfo.InvariantCulture),
        "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
        "-movflags", "+faststart",
        .. Comment(options.Text) is { } comment ? ["-metadata", $"comment={comment}"] : Array.Empty<string>(),
        "-f", "mp4", "-y", $"file:{Path.GetFullPath(file)}",
    ];

    private static string? Comment(IReadOnlyList<KeyValuePair<string, string>> texts) => texts.FirstOrDefault(text => text.Key == Exif.CommentKeyword).Value;

    /// <summary>x264's constant rate factor, 12 (nothing to be seen) to 51 (its worst).</summary>
    private static int Crf(int quality) => (int)Math.Round(12 + (100 - quality) * 0.4);
}
