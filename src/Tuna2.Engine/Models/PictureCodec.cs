using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Models;

/// <summary>
/// Between pictures of one size and what a model denoises of them (MODEL.md section 1): their pixels, or the VAE's latents. A
/// clip is several pictures, a picture a clip of one.
/// </summary>
internal abstract class PictureCodec : IDisposable
{
    /// <summary>The codec of a model for pictures of a size in pixels.</summary>
    /// <param name="model">The model.</param>
    /// <param name="width">Columns in pixels.</param>
    /// <param name="height">Rows in pixels.</param>
    /// <param name="vaeTile">Side of the tiles its VAE takes them in, checked; null for whole.</param>
    public static PictureCodec Of(TunaModel model, int width, int height, int? vaeTile = null) => model.Config.Vae is { } vae
        ? new LatentCodec(model.NewVaeCodec, vae, width, height, vaeTile)
        : new PixelCodec(model.Config, width, height);

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
/// Of Tuna: the VAE's normalised means, and what it decodes (MODEL.md section 7), tile by tile. A tile passes through with all
/// its frames before the next: what the VAE remembers of frames is hundreds of times what a frame is, so it is kept once, and of
/// the tiles no more than their seams. Encoding has its memory for as long as it takes, decoding from <see cref="PrepareToDecode"/> on.
/// </summary>
internal sealed class LatentCodec : PictureCodec
{
    private const int Planes = 3;

    private readonly Func<VaeCodec> _open;
    private readonly VaeConfig _config;
    private readonly VaeTiles _cells;
    private readonly VaeTiles _pixels;
    private readonly int _width;
    private readonly int _height;
    private VaeCodec? _decoder;

    /// <param name="open">Opens the VAE for a height and a width in pixels.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="width">Columns in pixels.</param>
    /// <param name="height">Rows in pixels.</param>
    /// <param name="vaeTile">Side of a tile in pixels; null for one that is the whole.</param>
    public LatentCodec(Func<int, int, VaeCodec> open, VaeConfig config, int width, int height, int? vaeTile)
    {
        (_config, _width, _height) = (config, width, height);
        _cells = VaeTiles.Of(config, width, height, vaeTile);
        _pixels = _cells.In(config.SpatialFactor);
        _open = () => open(_pixels.Down.TileUnits, _pixels.Across.TileUnits);
    }

    public override float[] Encode(IReadOnlyList<RgbImage> frames, CancellationToken cancellation)
    {
        RgbImage[] pictures = [.. frames.Select(frame => CoverCrop.Apply(frame, _width, _height))];
        int latentFrames = _config.LatentFrames(frames.Count), across = _cells.Across.Length, cells = _cells.Down.Length * across;
        var latents = new float[_config.ZDim * latentFrames * cells];
        var blend = new TileBlend(_cells.Down, _cells.Across, _config.ZDim, (frame, top, left, width, done) =>
        {
            var rows = done.Length / _config.ZDim / width;
            for (var line = 0; line < _config.ZDim * rows; line++)
                done.Slice(line * width, width).CopyTo(latents.AsSpan((line / rows * latentFrames + frame) * cells + (top + line % rows) * across + left));
        });
        using var encoder = _open();
        foreach (var (row, column) in _cells.All)
            blend.Add(row, column, 0, latentFrames, encoder.Encode(Cut(pictures, row, column), frames.Count, cancellation).Mean);
        return latents;
    }

    public override void PrepareToDecode(int frames) => (_decoder ??= _open()).PrepareToDecode(frames);

    public override void Decode(ReadOnlySpan<float> state, int frames, Action<RgbImage> decoded, CancellationToken cancellation)
    {
        PrepareToDecode(frames);
        var pictures = new byte[_config.PixelFrames(frames)][];
        var blend = new TileBlend(_pixels.Down, _pixels.Across, Planes, (frame, top, left, width, done) =>
        {
            var pixels = pictures[frame] ??= new byte[Planes * _width * _height];
            PixelTensor.Write(done, width, pixels.AsSpan(Planes * (top * _width + left)), _width);
            // The last corner: of a single tile it is the whole frame, and a clip's come one by one.
            if (top + done.Length / Planes / width == _height && left + width == _width)
            {
                decoded(new(_width, _height, pixels));
                pictures[frame] = [];
            }
        });
        foreach (var (row, column) in _cells.All)
            _decoder!.Decode(_cells.Cut(state, row, column), frames, (first, count, planes) => blend.Add(row, column, first, count, planes), cancellation);
    }

    public override void Dispose() => _decoder?.Dispose();

    /// <summary>What a tile covers of pictures: (3, frames, rows, columns) in -1..1.</summary>
    private float[] Cut(RgbImage[] pictures, int row, int column)
    {
        int plane = _pixels.Down.TileUnits * _pixels.Across.TileUnits;
        var planes = new float[Planes * pictures.Length * plane];
        for (var i = 0; i < pictures.Length; i++)
        {
            var picture = _pixels.Cut(PixelTensor.FromImage(pictures[i]), row, column).AsSpan();
            for (var c = 0; c < Planes; c++)
                picture.Slice(c * plane, plane).CopyTo(planes.AsSpan((c * pictures.Length + i) * plane));
        }
        return planes;
    }
}
