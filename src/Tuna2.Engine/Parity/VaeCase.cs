using Tuna2.Engine.Models;

namespace Tuna2.Engine.Parity;

/// <summary>The VAE alone: moments of a clip, and the clip decoded from the reference's means.</summary>
internal static class VaeCase
{
    public static void Run(CaseTensors tensors, TunaModel model, CaseChecks checks, CancellationToken cancellation)
    {
        if (model.Config.Vae is not { } config)
            throw new ModelException($"variant {model.Config.Variant.Name()} has no VAE");
        if (tensors.Shape("pixels") is not [1, 3, var frames, var height, var width])
            throw new ModelException("'pixels' is not one clip of three planes");
        var limits = new ParityLimits(model, tensors);
        using var codec = model.NewVaeCodec((int)height, (int)width);
        var (mean, logVariance) = codec.Encode(tensors.Floats("pixels"), (int)frames, cancellation);
        int latentFrames = config.LatentFrames((int)frames), latentWidth = (int)width / config.SpatialFactor;
        if (tensors.Has("mu"))
            checks.Floats("mu", ParityLimits.Full, mean, tensors.Floats("mu"), latentWidth, limits.Reference("mu"));
        if (tensors.Has("log_var"))
            checks.Floats("log_var", ParityLimits.Full, logVariance, tensors.Floats("log_var"), latentWidth, limits.Reference("log_var"));
        if (!tensors.Has("decoded"))
            return;
        var decoded = new float[3 * frames * height * width];
        var plane = (int)(height * width);
        codec.Decode(tensors.Has("mu") ? tensors.Floats("mu") : mean, latentFrames, (first, count, piece) =>
        {
            for (var c = 0; c < 3; c++)
                piece.AsSpan(c * count * plane, count * plane).CopyTo(decoded.AsSpan((c * (int)frames + first) * plane));
        }, cancellation);
        checks.Floats("decoded", ParityLimits.Full, decoded, tensors.Floats("decoded"), (int)width, limits.Reference("decoded"));
    }
}
