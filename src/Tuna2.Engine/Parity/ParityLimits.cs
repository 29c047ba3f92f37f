namespace Tuna2.Engine.Parity;

/// <summary>
/// What a case must reach. In float32: a relative error of 1e-4, and 1e-5 between the two paths. In bfloat16: at most twice
/// the error that the official code makes when it runs in bfloat16, which a case states beside its exact tensors under
/// "bf16.NAME"; ids and bytes, which a rounding can flip, are not judged.
/// </summary>
internal sealed class ParityLimits
{
    /// <summary>The path that computes every token every time.</summary>
    public const string Full = "full";

    /// <summary>The path that keeps the prefix's keys and values.</summary>
    public const string Prefix = "prefix";

    /// <summary>One path against the other.</summary>
    public const string PrefixOverFull = "prefix/full";

    private const double Float32 = 1e-4;
    private const double Float32PrefixToFull = 1e-5;

    /// <summary>
    /// Twice what bfloat16 cost the official code at a tensor of its kind (tuna2-tiny-bf16), where a case does not say itself.
    /// Later evaluations see a state that has drifted as far as the final one may.
    /// </summary>
    private static readonly (string Ending, double Limit)[] _bfloat16 =
    [
        ("time_embed", 2 * 0.0083), (PatchEmbeddings, 2 * 0.0019), ("head_out", 2 * 0.0109), ("call0.x0", 2 * 0.0103), ("", 2 * 0.030),
    ];

    /// <summary>With the patches' embeddings, a product away from the pixels; behind a vision transformer they have drifted like any layer's output.</summary>
    private const string PatchEmbeddings = "input_embeds";

    private readonly CaseTensors _tensors;
    private readonly bool _exact;
    private readonly bool _encodes;

    public ParityLimits(TunaModel model, CaseTensors tensors) =>
        (_exact, _encodes, _tensors) = (model.Backend.ActivationBytes == sizeof(float), model.Config.Siglip is not null, tensors);

    /// <summary>Whether ids and bytes are judged.</summary>
    public bool JudgesDiscrete => _exact;

    /// <summary>The relative error a tensor may have against its reference.</summary>
    public double Reference(string name)
    {
        if (_exact)
            return Float32;
        var official = $"bf16.{name}";
        if (_tensors.Has(official))
            return 2 * Comparison.Of(_tensors.Floats(official), _tensors.Floats(name)).RelativeError;
        return _bfloat16.First(limit => name.EndsWith(limit.Ending, StringComparison.Ordinal) && !(_encodes && limit.Ending == PatchEmbeddings)).Limit;
    }

    /// <summary>The relative error the prefix path may have against the full one.</summary>
    public double PrefixToFull(string name) => _exact ? Float32PrefixToFull : Reference(name);
}
