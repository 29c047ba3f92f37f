using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>Reads animated GIF and WebP files by Skia, and still pictures as clips of one frame.</summary>
internal static class AnimationDecoder
{
    /// <summary>A GIF frame of at most as many milliseconds counts as one that says nothing, as in browsers.</summary>
    private const int NoGifDelay = 10;

    public static unsafe VideoClip Read(ReadOnlyMemory<byte> encoded, string name, VideoReadOptions options, CancellationToken cancellation)
    {
        using var pin = encoded.Pin();
        using var data = SKData.Create((nint)pin.Pointer, encoded.Length);
        using var codec = RgbImage.OpenCodec(data, name);
        if (codec.FrameCount <= 1)
        {
            var still = new FrameCollector(name, options, 1);
            still.Add(RgbImage.FromBytes(encoded, name));
            return still.Finish(VideoClip.DefaultFramesPerSecond);
        }

        var (info, all) = (RgbImage.RgbaInfo(codec), codec.FrameInfo);
        var frames = new FrameCollector(name, options, all.Length);
        var rgba = new byte[info.BytesSize64];
        var drawn = -1; // the frame rgba shows
        fixed (byte* pixels = rgba)
        {
            for (var i = 0; i < all.Length && !frames.IsFull; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (!frames.Wants(i))
                    continue;
                // A frame may need those before it. Skia draws them itself unless told that one is there, before it is disposed of.
                var reuse = drawn >= 0 && all[i].RequiredFrame <= drawn && all[i].RequiredFrame >= 0 && all[drawn].DisposalMethod != SKCodecAnimationDisposalMethod.RestorePrevious;
                if (!reuse)
                    Array.Clear(rgba);
                RgbImage.Check(codec.GetPixels(info, (nint)pixels, reuse ? new SKCodecOptions(i, drawn) : new SKCodecOptions(i)), $"{name}, frame {i + 1}");
                drawn = i;
                frames.Add(RgbImage.FromRgba(info.Width, info.Height, rgba, overWhite: true));
            }
        }
        return frames.Finish(FrameDelays.Rate(all.Length, all.Sum(frame => (long)Delay(codec.EncodedFormat, frame.Duration))));
    }

    private static int Delay(SKEncodedImageFormat format, int milliseconds) =>
        milliseconds <= (format == SKEncodedImageFormat.Gif ? NoGifDelay : 0) ? FrameDelays.Unsaid : milliseconds;
}
