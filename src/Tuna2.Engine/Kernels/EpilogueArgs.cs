using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>What follows a product: the Epilogue of kernels/common/epilogue.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct EpilogueArgs
{
    /// <summary>const float* (columns), or 0.</summary>
    public ulong Bias;
    /// <summary>const ELEMENT* (rows, columns), or 0.</summary>
    public ulong Residual;
    /// <summary>const float* (times, TableColumns), or 0: no gate.</summary>
    public ulong Table;
    /// <summary>const Sequence*.</summary>
    public ulong Sequences;
    /// <summary>const int* (rows).</summary>
    public ulong RowSequence;
    /// <summary>Columns of the table.</summary>
    public int TableColumns;
    /// <summary>First column of the gate vector.</summary>
    public int Gate;
}
