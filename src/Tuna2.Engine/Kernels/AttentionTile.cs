using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The rows a block of attention takes: the AttentionTile of kernels/common/sequences.cuh.</summary>
/// <param name="Sequence">The sequence; a tile never straddles two.</param>
/// <param name="First">Its first packed row: query / group, head % group.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct AttentionTile(int Sequence, int First)
{
    /// <summary>The tiles of sequences of <paramref name="lengths"/> rows, each row packed <paramref name="group"/> times.</summary>
    public static AttentionTile[] Cover(IReadOnlyList<int> lengths, int group, int rowsPerTile) =>
        [.. Enumerable.Range(0, lengths.Count).SelectMany(s => Enumerable.Range(0, (lengths[s] * group + rowsPerTile - 1) / rowsPerTile).Select(t => new AttentionTile(s, t * rowsPerTile)))];
}
