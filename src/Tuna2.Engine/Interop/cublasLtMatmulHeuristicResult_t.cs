using System.Runtime.InteropServices;

namespace Tuna2.Engine.Interop;

/// <summary>cublasLtMatmulHeuristicResult_t of cublasLt.h: an algorithm and what it takes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct cublasLtMatmulHeuristicResult_t
{
    public cublasLtMatmulAlgo_t algo;
    public nuint workspaceSize;
    public cublasStatus_t state;
    public float wavesCount;
    public fixed int reserved[4];
}
