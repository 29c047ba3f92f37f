using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Models;

/// <summary>
/// Between pictures of one size and what a model denoises of them (MODEL.md section 1): their pixels, or the VAE's latents. A
/// clip is several pictures, a picture a clip of one.
/// </summary>
internal abstract class PictureCodec : IDisposable
{
    /// <summary>The codec of a model for pictures of a size in pixels.</summary>
    public static PictureCodec Of(TunaModel model, int width, int height) => model.Config.Vae is null
        ? new PixelCodec(model.Config, width, height)
        : new LatentCodec(() => model.NewVaeCodec(height, width), width, height);

    /// <summary>Scales pictures to cover the size, crops them and encodes them as one clip.</summary>
    /// <param name="frames">One picture, or as many as make whole latent frames.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <returns>(channels, frames, height, width), in pixels or in a latent's cells.</returns>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public abstract float[] Encode(IReadOnlyList<RgbImage> frames, CancellationToken cancellation);

    /// <summary>Takes the memory of decoding, so that it is known before a state is computed whether there is enough.</summary>
    /// <param name="frames">Frames of the state, as <see cref="Decode"/> is given.</param>
    /// <exception cref="DeviceException">There is not enough memory.</exception>
    public abstract void PrepareToDecode(int frames);

    /// <summary>Decodes a state; pictures are handed over in order, as they are finished.</summary>
    /// <param name="state">(channels, frames, height, width).</param>
    /// <param name="frames">Frames of the state: latent ones where it is a latent.</param>
    /// <param name="decoded">Given every picture.</param>
    /// <param name="cancellation">Seen between ops.</param>
    public abstract void Decode(ReadOnlySpan<float> state, int frames, Action<RgbImage> decoded, CancellationToken cancellation);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The one picture that a state of one frame decodes to.</summary>
    public RgbImage DecodeOne(ReadOnlySpan<float> state, CancellationToken cancellation)
    {
        RgbImage? picture = null;
        Decode(state, 1, decoded => picture = decoded, cancellation);
        return picture!;
    }
}

/// <summary>Of the pixel variants: the picture itself, -1..1.</summary>
internal sealed class PixelCodec(ModelConfig config, int width, int height) : PictureCodec
{
    public override float[] Encode(IReadOnlyList<RgbImage> frames, CancellationToken cancellation) =>
        PixelTensor.FromImage(CoverCrop.Apply(frames.Single(), width, height));

    public override void PrepareToDecode(int frames) { }

    public override void Decode(ReadOnlySpan<float> state, int frames, Action<RgbImage> decoded, CancellationToken cancellation) =>
        decoded(OutputPicture.Of(config, state, width, height));

    public override void Dispose() { }
}

/// <summary>
/// Of Tuna: the VAE's normalised means, and what it decodes (MODEL.md section 7). Encoding has its memory for as long as it
/// takes, decoding from <see cref="PrepareToDecode"/> on.
/// </summary>
internal sealed class LatentCodec(Func<VaeCodec> open, int width, int height) : PictureCodec
{
    private const int Planes = 3;

    private VaeCodec? _decoder;

    public override float[] Encode(IReadOnlyList<RgbImage> frames, CancellationToken cancellation)
    {
        var plane = width * height;
        var pixels = new float[Planes * frames.Count * plane];
        for (var i = 0; i < frames.Count; i++)
        {
            var picture = PixelTensor.FromImage(CoverCrop.Apply(frames[i], width, height)).AsSpan();
            for (var c = 0; c < Planes; c++)
                picture.Slice(c * plane, plane).CopyTo(pixels.AsSpan((c * frames.Count + i) * plane));
        }
        using var encoder = open();
        return encoder.Encode(pixels, frames.Count, cancellation).Mean;
    }

    public override void PrepareToDecode(int frames) => (_decoder ??= open()).PrepareToDecode(frames);

    public override void Decode(ReadOnlySpan<float> state, int frames, Action<RgbImage> decoded, CancellationToken cancellation)
    {
        PrepareToDecode(frames);
        var plane = width * height;
        var picture = new float[Planes * plane];
        _decoder!.Decode(state, frames, (_, count, planes) =>
        {
            for (var i = 0; i < count; i++)
            {
                for (var c = 0; c < Planes; c++)
                    planes.AsSpan((c * count + i) * plane, plane).CopyTo(picture.AsSpan(c * plane));
                decoded(PixelTensor.ToImage(picture, width, height));
            }
        }, cancellation);
    }

    public override void Dispose() => _decoder?.Dispose();
}
