using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Models;

/// <summary>
/// Clips of one size in and out of the VAE. A picture is a clip of one frame, and needs no frame caches. Holds those, and the plans
/// of the pieces, for as long as it lives.
/// </summary>
internal sealed class VaeCodec : IDisposable
{
    private const int Planes = 3;

    private readonly VaeConfig _config;
    private readonly IBackend _backend;
    private readonly StateStore _store;
    private readonly VaeNetwork _network;
    private readonly Dictionary<string, Value> _past = [];
    private readonly int _height;
    private readonly int _width;
    private readonly Dictionary<(bool Encode, VaePiece Which), Piece> _pieces = [];

    /// <summary>What computes a piece, its way in and its way out.</summary>
    private sealed record Piece(Executor Executor, Value Input, Value Output, int Frames);

    /// <param name="config">The VAE's sizes.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="height">Rows in pixels, a multiple of <see cref="VaeConfig.SpatialFactor"/>.</param>
    /// <param name="width">Columns in pixels, likewise.</param>
    public VaeCodec(VaeConfig config, VaeWeights weights, IBackend backend, int height, int width)
    {
        (_config, _backend, _height, _width) = (config, backend, height, width);
        _store = new StateStore(backend);
        _network = new VaeNetwork(config, weights, Past);
    }

    /// <summary>Bytes of states and activations.</summary>
    public long Bytes => _store.StateBytes + _store.ArenaBytes;

    /// <summary>The plans of the pieces that are ready.</summary>
    public IEnumerable<Plan> Plans => _pieces.Values.Select(piece => piece.Executor.Plan);

    /// <summary>Bytes of them that remember frames for a later piece.</summary>
    public long CacheBytes => _past.Values.Sum(_store.BytesOf);

    private int LatentHeight => _height / _config.SpatialFactor;

    private int LatentWidth => _width / _config.SpatialFactor;

    private int LatentPixels => LatentHeight * LatentWidth;

    /// <summary>Takes the memory of encoding a clip of so many latent frames.</summary>
    /// <exception cref="DeviceException">There is not enough.</exception>
    public void PrepareToEncode(int latentFrames) => Prepare(encode: true, latentFrames);

    /// <summary>Takes the memory of decoding so many latent frames.</summary>
    /// <exception cref="DeviceException">There is not enough.</exception>
    public void PrepareToDecode(int latentFrames) => Prepare(encode: false, latentFrames);

    /// <summary>Encodes a clip.</summary>
    /// <param name="pixels">(3, frames, height, width) in -1..1.</param>
    /// <param name="frames">Its frames.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <returns>Normalised means and logarithms of variances, (z, latent frames, height / 16, width / 16) each.</returns>
    /// <exception cref="RequestException">The frames are not 1 and a whole number of pieces.</exception>
    public (float[] Mean, float[] LogVariance) Encode(ReadOnlySpan<float> pixels, int frames, CancellationToken cancellation)
    {
        var latentFrames = _config.LatentFrames(frames);
        var plane = _height * _width;
        if (pixels.Length != Planes * frames * plane)
            throw new ArgumentException($"{pixels.Length} values are not {frames} frames of {_width}x{_height}", nameof(pixels));
        float[] mean = new float[_config.ZDim * latentFrames * LatentPixels], logVariance = new float[mean.Length];
        PrepareToEncode(latentFrames);
        Forget();
        for (int latent = 0, frame = 0; latent < latentFrames; latent++)
        {
            var piece = _pieces[(true, Which(latent, latentFrames))];
            var planes = new float[Planes * piece.Frames * plane];
            for (var c = 0; c < Planes; c++)
                pixels.Slice((c * frames + frame) * plane, piece.Frames * plane).CopyTo(planes.AsSpan(c * piece.Frames * plane));
            _store.Write(piece.Input, 0, planes);
            piece.Executor.Run(new Batch(), cancellation);
            var moments = piece.Executor.Read(piece.Output);
            for (var p = 0; p < LatentPixels; p++)
                for (var z = 0; z < _config.ZDim; z++)
                {
                    var at = (z * latentFrames + latent) * LatentPixels + p;
                    mean[at] = LatentScale.Normalise(moments[p * 2 * _config.ZDim + z], z);
                    logVariance[at] = moments[p * 2 * _config.ZDim + _config.ZDim + z];
                }
            frame += piece.Frames;
        }
        return (mean, logVariance);
    }

    /// <summary>Decodes latents; each piece is handed over when it is done, so that a long clip need not be held.</summary>
    /// <param name="latents">(z, latent frames, height / 16, width / 16), normalised.</param>
    /// <param name="latentFrames">Their frames.</param>
    /// <param name="decoded">Given the first frame's number, the frames, and (3, frames, height, width), not clamped.</param>
    /// <param name="cancellation">Seen between ops.</param>
    public void Decode(ReadOnlySpan<float> latents, int latentFrames, Action<int, int, float[]> decoded, CancellationToken cancellation)
    {
        if (latents.Length != _config.ZDim * latentFrames * LatentPixels)
            throw new ArgumentException($"{latents.Length} values are not {latentFrames} latent frames of {LatentWidth}x{LatentHeight}", nameof(latents));
        PrepareToDecode(latentFrames);
        Forget();
        var rows = new float[LatentPixels * _config.ZDim];
        for (int latent = 0, frame = 0; latent < latentFrames; latent++)
        {
            for (var p = 0; p < LatentPixels; p++)
                for (var z = 0; z < _config.ZDim; z++)
                    rows[p * _config.ZDim + z] = LatentScale.Restore(latents[(z * latentFrames + latent) * LatentPixels + p], z);
            var piece = _pieces[(false, Which(latent, latentFrames))];
            _store.Write(piece.Input, 0, rows);
            piece.Executor.Run(new Batch(), cancellation);
            var planes = new float[piece.Output.Columns];
            _store.Read(piece.Output, 0, planes);
            decoded(frame, piece.Frames, planes);
            frame += piece.Frames;
        }
    }

    public void Dispose() => _store.Dispose();

    /// <summary>Before a clip there were zeros.</summary>
    private void Forget()
    {
        const int BlockElements = 1 << 16;
        foreach (var past in _past.Values)
        {
            var zeros = new float[Math.Max(1, BlockElements / past.Columns) * past.Columns];
            for (var row = 0; row < past.Rows.Max; row += zeros.Length / past.Columns)
                _store.Write(past, row, zeros.AsSpan(0, Math.Min(zeros.Length, (past.Rows.Max - row) * past.Columns)));
        }
    }

    private static VaePiece Which(int latent, int latentFrames) => latentFrames == 1 ? VaePiece.Only : latent == 0 ? VaePiece.First : VaePiece.Later;

    /// <summary>Plans the pieces of a clip of so many latent frames: one of a picture, of a longer one its first and every later one.</summary>
    private void Prepare(bool encode, int latentFrames)
    {
        for (var latent = 0; latent < Math.Min(latentFrames, 2); latent++)
        {
            var piece = Which(latent, latentFrames);
            if (!_pieces.ContainsKey((encode, piece)))
                _pieces[(encode, piece)] = NewPiece(encode, piece);
        }
        _store.Take($"the VAE at {_width}x{_height}", "a smaller picture or VAE tile takes less");
    }

    private Value Past(string name, int pixels, int channels, int frames)
    {
        if (!_past.TryGetValue(name, out var past))
            _past[name] = past = _store.Add(name, new Extent("pixels", pixels * frames), channels, ValueElement.Float32);
        return past;
    }

    private Piece NewPiece(bool encode, VaePiece which)
    {
        var frames = _network.PieceFrames(which);
        var pixels = new Grid(frames, _height, _width);
        var planes = _store.Add($"{(encode ? "encoder" : "decoder")}.planes", new Extent("clips", 1), Planes * pixels.Count, ValueElement.Float32);
        var graph = new ModelGraph();
        Value input = planes, output = planes;
        if (encode)
        {
            output = _network.Encode(graph, planes, pixels, which);
            graph.Keep(output);
        }
        else
        {
            input = _store.Add("decoder.latents", new Extent("pixels", LatentPixels), _config.ZDim, ValueElement.Float32);
            _network.Decode(graph, input, new Grid(1, LatentHeight, LatentWidth), which, planes);
        }
        return new(new Executor(graph, _backend, _store, BatchBounds.None), input, output, frames);
    }
}
