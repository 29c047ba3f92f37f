using Tuna2.Engine.Cpu;

namespace Tuna2.Engine;

/// <summary>Where and how a model runs.</summary>
public sealed record TunaModelOptions
{
    /// <summary>"auto" (the default), "cpu", "cuda" or "cuda:N". Only auto may choose; a named device is used or refused.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Precision of activations.</summary>
    public ComputeType ComputeType { get; init; }

    /// <summary>What the matrices are kept as. Quantized ones want bfloat16 activations on a CUDA device, float32 on the CPU.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>CPU threads that compute, the calling one included, up to 4096; 0 for one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>CPU vector width.</summary>
    public SimdLevel Simd { get; init; }

    /// <summary>
    /// Whether a model or a request that takes more memory than can be had (<see cref="SystemMemory"/>) is refused before it is
    /// begun. False is for machines that have more than they say: with swap to spare, or memory others will give back.
    /// </summary>
    public bool CheckMemory { get; init; } = true;

    /// <summary>
    /// A file of <see cref="CudaTuning"/>: algorithms of products that were timed on this very GPU with this version of cuBLASLt. Null for
    /// those the library advises. Other algorithms round in other places, so a picture's parameters name the file and its hash.
    /// </summary>
    public string? Tuning { get; init; }
}
