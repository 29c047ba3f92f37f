using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>Reads animated GIF and WebP files by Skia, and still pictures as clips of one frame.</summary>
internal static class AnimationDecoder
{
    /// <summary>A GIF frame of at most as many milliseconds counts as one that says nothing, as in browsers.</summary>
    private const int NoGifDelay = 10;

    /// <summary>What is rounded off the time of a whole animation, in seconds.</summary>
    private const double HalfAMillisecond = 0.0005 + 1e-9;

    public static unsafe VideoClip Read(ReadOnlyMemory<byte> encoded, string name, VideoReadOptions options, CancellationToken cancellation)
    {
        using var pin = encoded.Pin();
        using var data = SKData.Create((nint)pin.Pointer, encoded.Length);
        using var codec = RgbImage.OpenCodec(data, name);
        if (codec.FrameCount <= 1)
        {
            var still = new FrameCollector(name, options, 1);
            still.Offer(1, () => RgbImage.FromBytes(encoded, name));
            return still.Finish(VideoClip.DefaultFramesPerSecond);
        }

        var (info, all) = (RgbImage.RgbaInfo(codec), codec.FrameInfo);
        double[] seconds = [.. all.Select(frame => Seconds(codec.EncodedFormat, frame.Duration))];
        var repeats = FrameDelays.Repeats(seconds);
        var total = checked((int)repeats.Sum(r => (long)r));
        var frames = new FrameCollector(name, options, total);
        var rgba = new byte[info.BytesSize64];
        var drawn = -1; // the frame rgba shows
        for (var i = 0; i < all.Length && !frames.IsFull; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            frames.Offer(repeats[i], () => Draw(i));
        }
        return frames.Finish(FrameDelays.Rate(total, seconds.Sum(), HalfAMillisecond));

        RgbImage Draw(int i)
        {
            // A frame may need those before it. Skia draws them itself unless told that one is there, before it is disposed of.
            var reuse = drawn >= 0 && all[i].RequiredFrame <= drawn && all[i].RequiredFrame >= 0 && all[drawn].DisposalMethod != SKCodecAnimationDisposalMethod.RestorePrevious;
            if (!reuse)
                Array.Clear(rgba);
            fixed (byte* pixels = rgba)
                RgbImage.Check(codec.GetPixels(info, (nint)pixels, reuse ? new SKCodecOptions(i, drawn) : new SKCodecOptions(i)), $"{name}, frame {i + 1}");
            drawn = i;
            return RgbImage.FromRgba(info.Width, info.Height, rgba, overWhite: true);
        }
    }

    private static double Seconds(SKEncodedImageFormat format, int milliseconds) =>
        milliseconds <= (format == SKEncodedImageFormat.Gif ? NoGifDelay : 0) ? FrameDelays.Unsaid : milliseconds / 1000.0;
}
