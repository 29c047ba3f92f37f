namespace Tuna2.Engine;

/// <summary>The precision of activations and products. Weights stay as stored.</summary>
public enum ComputeType
{
    /// <summary>What the device is best at: float32 on the CPU, bfloat16 on CUDA.</summary>
    Auto,

    /// <summary>float32 throughout.</summary>
    F32,

    /// <summary>bfloat16 activations with float32 accumulation; CUDA only.</summary>
    BF16,
}
