namespace Tuna2.Engine.Cpu;

/// <summary>Where the left side of a product comes from: rows that lie in memory, or that are gathered while they are packed.</summary>
internal unsafe interface IRowSource
{
    /// <summary>An element of a row before which all are zero, in it and in the rows before it.</summary>
    int FirstK(int row);

    /// <summary>Packs a tile as <see cref="CpuPanel.PackTile"/> lays it out.</summary>
    /// <param name="row">Its first row.</param>
    /// <param name="rows">Its rows, at most <see cref="CpuTile.MaxRows"/>.</param>
    /// <param name="k0">The first element of each.</param>
    /// <param name="depth">Elements of each.</param>
    /// <param name="tile">depth x rows.</param>
    void PackTile(int row, int rows, int k0, int depth, float* tile);
}
