using System.Runtime.Intrinsics;

namespace Tuna2.Engine.Cpu;

/// <summary>The vector width the CPU kernels use. All widths compute the same sums in a width-dependent order.</summary>
public enum SimdLevel
{
    /// <summary>The widest the processor runs at full speed.</summary>
    Auto,

    /// <summary>One element at a time: the reference the others are checked against.</summary>
    Scalar,

    /// <summary>128-bit vectors (Arm64 NEON, SSE).</summary>
    Vector128,

    /// <summary>256-bit vectors (AVX2 with FMA).</summary>
    Avx2,

    /// <summary>512-bit vectors (AVX-512).</summary>
    Avx512,
}

internal static class SimdLevels
{
    /// <summary>What <see cref="SimdLevel.Auto"/> stands for on this processor; other levels stand for themselves.</summary>
    public static SimdLevel Resolve(this SimdLevel level) => level != SimdLevel.Auto ? level
        : Vector512.IsHardwareAccelerated ? SimdLevel.Avx512
        : Vector256.IsHardwareAccelerated ? SimdLevel.Avx2
        : Vector128.IsHardwareAccelerated ? SimdLevel.Vector128
        : SimdLevel.Scalar;
}
