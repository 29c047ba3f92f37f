using System.Globalization;

namespace Tuna2.Engine.Imaging;

/// <summary>
/// Frames of one size, shown at a steady rate.
/// <code>
/// var clip = VideoClip.Load("in.gif", new() { MaxFrames = 49 });
/// clip.Save("out.mp4");
/// </code>
/// </summary>
public sealed class VideoClip
{
    /// <summary>The rate where nothing says another: the one the official code writes its films at.</summary>
    public const double DefaultFramesPerSecond = 16;

    /// <summary>The largest rate, in frames per second: formats count in milliseconds.</summary>
    public const double MaxFramesPerSecond = 1000;

    /// <summary>The most a clip's frames may take in memory when it is read: 4 GiB, 5548 frames of 384x672.</summary>
    public const long MaxBytes = 4L << 30;

    /// <summary>A clip of these frames.</summary>
    /// <param name="frames">At least one, all of one size; the list is copied, the pictures are not.</param>
    /// <param name="framesPerSecond">More than 0, at most <see cref="MaxFramesPerSecond"/>.</param>
    /// <exception cref="ImageException">There is no frame, or a frame has another size than the first.</exception>
    /// <exception cref="RequestException">The rate is out of range.</exception>
    public VideoClip(IEnumerable<RgbImage> frames, double framesPerSecond = DefaultFramesPerSecond)
    {
        ArgumentNullException.ThrowIfNull(frames);
        CheckRate(framesPerSecond);
        Frames = [.. frames];
        if (Frames.Count == 0)
            throw new ImageException("a clip has at least one frame");
        for (var i = 1; i < Frames.Count; i++)
            if ((Frames[i].Width, Frames[i].Height) != (Width, Height))
                throw new ImageException($"frame {i + 1} of a clip is {Frames[i].Width}x{Frames[i].Height} pixels, the first {Width}x{Height}");
        FramesPerSecond = framesPerSecond;
    }

    /// <summary>The frames in the order they are shown.</summary>
    public IReadOnlyList<RgbImage> Frames { get; }

    /// <summary>Frames per second.</summary>
    public double FramesPerSecond { get; }

    /// <summary>Pixels per row of every frame.</summary>
    public int Width => Frames[0].Width;

    /// <summary>Rows of every frame.</summary>
    public int Height => Frames[0].Height;

    /// <summary>How long it is shown.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Frames.Count / FramesPerSecond);

    /// <summary>
    /// Reads an animated PNG, WebP or GIF, told apart by content; a folder of pictures in the natural order of their names (2 before
    /// 10); or any other film an installed ffmpeg reads.
    /// </summary>
    /// <remarks>
    /// Transparent pixels show white behind them. A film is read at its own average rate; of an animation, a picture that is shown
    /// n times as long as the shortest is n frames.
    /// </remarks>
    /// <param name="path">The file or folder.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <param name="cancellation">Stops the reading, and ffmpeg.</param>
    /// <exception cref="ImageException">
    /// There is no such file, it is no film, damaged, cut off, or too large; a folder without pictures; frames of different sizes; too
    /// few frames; a film that needs ffmpeg, and there is none.
    /// </exception>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static VideoClip Load(string path, VideoReadOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new();
        options.Check();
        if (Directory.Exists(path))
            return FrameFolder.Read(path, options, cancellation);
        return PictureFile.Read(path, file =>
        {
            Span<byte> head = stackalloc byte[12];
            var known = RgbImage.HasKnownSignature(head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]);
            file.Position = 0;
            return known ? FromBytes(PictureFile.ReadAll(file, path), path, options, cancellation) : FilmReader.Read(path, options, cancellation);
        });
    }

    /// <summary>Decodes an animation that is in memory.</summary>
    /// <param name="encoded">A whole animated PNG, WebP or GIF file, or, where one frame will do, a picture.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="options">How to read it; null for the defaults.</param>
    /// <param name="cancellation">Stops the decoding.</param>
    /// <exception cref="ImageException">It is no animation, damaged, cut off, or too large, or has too few frames.</exception>
    /// <exception cref="RequestException">An option is out of range.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static VideoClip FromBytes(ReadOnlyMemory<byte> encoded, string name = "clip", VideoReadOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        options.Check();
        if (encoded.IsEmpty) throw new ImageException($"{name}: empty");
        if (!RgbImage.HasKnownSignature(encoded.Span))
            throw new ImageException($"{name}: not an animation (PNG, WebP or GIF expected)");
        return ApngReader.IsAnimated(encoded.Span)
            ? ApngReader.Read(encoded, name, options, cancellation)
            : AnimationDecoder.Read(encoded, name, options, cancellation);
    }

    /// <summary>Writes a file; it appears whole or not at all.</summary>
    /// <param name="path">The file, replaced when there is one.</param>
    /// <param name="format">The format; null for the one the name's ending asks for, an animated PNG where it has none.</param>
    /// <param name="options">How to write it: quality, and texts, of which an MP4 holds "parameters" alone; null for the defaults.</param>
    /// <param name="cancellation">Stops the writing, and ffmpeg; nothing is left behind.</param>
    /// <exception cref="RequestException">The ending is of no format that is written, or the quality is out of range.</exception>
    /// <exception cref="ImageException">The file cannot be written, the format cannot hold the clip or a text, or ffmpeg is needed and missing or failed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public void Save(string path, VideoFormat? format = null, ImageWriteOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        var chosen = format ?? VideoFormats.OfPath(path) ?? VideoFormat.Apng;
        options ??= new();
        Check(chosen, options);
        if (chosen == VideoFormat.Mp4)
            PictureFile.Replace(path, aside => FilmWriter.Write(this, aside, path, options, cancellation));
        else
            PictureFile.Write(path, Encode(chosen, options, cancellation));
    }

    /// <summary>The bytes of a whole file.</summary>
    /// <param name="format">The format.</param>
    /// <param name="options">How to write it; null for the defaults.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="RequestException">The quality is out of range.</exception>
    /// <exception cref="ImageException">The format cannot hold the clip or a text, or ffmpeg is needed and missing or failed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public byte[] Encode(VideoFormat format = VideoFormat.Apng, ImageWriteOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new();
        Check(format, options);
        return format switch
        {
            VideoFormat.Apng => ApngWriter.Encode(this, options, cancellation),
            VideoFormat.Webp => AnimatedWebp.Encode(this, options, cancellation),
            _ => FilmWriter.Encode(this, options, cancellation),
        };
    }

    internal static void CheckRate(double framesPerSecond)
    {
        if (!(framesPerSecond > 0 && framesPerSecond <= MaxFramesPerSecond))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"frames per second must be more than 0 and at most {MaxFramesPerSecond}, not {framesPerSecond}"));
    }

    private static void Check(VideoFormat format, ImageWriteOptions options)
    {
        if (!Enum.IsDefined(format))
            throw new RequestException($"clip format {(int)format} is not one of Apng, Webp, Mp4");
        options.Check();
    }
}
