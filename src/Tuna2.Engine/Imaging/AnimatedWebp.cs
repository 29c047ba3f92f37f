using SkiaSharp;

namespace Tuna2.Engine.Imaging;

/// <summary>Writes animated WebP files by Skia, which keeps only what changes from frame to frame; texts go into EXIF.</summary>
internal static class AnimatedWebp
{
    public static byte[] Encode(VideoClip clip, ImageWriteOptions options, CancellationToken cancellation)
    {
        ImageEncoder.CheckText(options.Text);
        if (Math.Max(clip.Width, clip.Height) > ImageEncoder.MaxWebpSide)
            throw new ImageException($"a clip of {clip.Width}x{clip.Height} is too large for WebP, whose sides are at most {ImageEncoder.MaxWebpSide} pixels");
        var delays = FrameDelays.Of(clip.Frames.Count, clip.FramesPerSecond);
        var bitmaps = new List<SKBitmap>(clip.Frames.Count);
        try
        {
            var frames = new SKWebpEncoderFrame[clip.Frames.Count];
            for (var i = 0; i < frames.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                var bitmap = new SKBitmap(new SKImageInfo(clip.Width, clip.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
                bitmaps.Add(bitmap);
                ImageEncoder.ToRgba(clip.Frames[i], bitmap.GetPixelSpan());
                frames[i] = new(bitmap, TimeSpan.FromMilliseconds(delays[i]));
            }
            using var data = SKWebpEncoder.EncodeAnimated(frames, ImageEncoder.Webp(options.Quality))
                ?? throw new ImageException($"{frames.Length} frames of {clip.Width}x{clip.Height} cannot be encoded as an animated WebP");
            cancellation.ThrowIfCancellationRequested();
            return options.Text.Count == 0 ? data.ToArray() : WebpExif.Insert(data.AsSpan(), Exif.Build(options.Text), clip.Width, clip.Height);
        }
        finally
        {
            foreach (var bitmap in bitmaps)
                bitmap.Dispose();
        }
    }
}
