using System.Runtime.CompilerServices;

namespace Tuna2.Engine.Interop;

/// <summary>
/// cublasLtMatmulAlgo_t of cublasLt.h: an algorithm with its configuration. Opaque; the same bytes mean the same to the same version of
/// the library, so they may be stored.
/// </summary>
[InlineArray(Words)]
internal struct cublasLtMatmulAlgo_t
{
    /// <summary>Its length in 64-bit words.</summary>
    public const int Words = 8;

    private ulong _word;
}
