using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>Turns rows into columns: the layout <see cref="CpuTile"/> reads its right side in.</summary>
internal static unsafe class CpuPanel
{
    /// <summary>
    /// panel[i][j] = matrix[row + j][k0 + i] for j below <paramref name="count"/>, zero up to the tile's width.
    /// </summary>
    /// <param name="matrix">First byte of the weight.</param>
    /// <param name="precision">Its elements.</param>
    /// <param name="width">Elements of one of its rows.</param>
    /// <param name="row">First row to take.</param>
    /// <param name="count">Rows to take, at most two vectors.</param>
    /// <param name="k0">First element of each row.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="panel">depth x two vectors.</param>
    public static void Pack<S, V>(byte* matrix, Precision precision, int width, int row, int count, int k0, int depth, float* panel)
        where S : ISimd<V> where V : struct
    {
        var tile = 2 * S.Width;
        for (var j = 0; j < tile; j++)
        {
            var to = panel + j;
            if (j >= count)
            {
                for (var i = 0; i < depth; i++)
                    to[(long)i * tile] = 0;
            }
            else if (precision == Precision.BF16)
            {
                var from = (ushort*)matrix + (long)(row + j) * width + k0;
                for (var i = 0; i < depth; i++)
                    to[(long)i * tile] = ScalarSimd.LoadBF16(from + i);
            }
            else
            {
                var from = (float*)matrix + (long)(row + j) * width + k0;
                for (var i = 0; i < depth; i++)
                    to[(long)i * tile] = from[i];
            }
        }
    }
}
