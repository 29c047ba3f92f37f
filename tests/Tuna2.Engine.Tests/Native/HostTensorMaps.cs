using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>Tensor maps as the host runner reads them: native/abi.h's Tuna2TensorMap.</summary>
internal sealed class HostTensorMaps : ITensorMaps
{
    private const ulong Magic = 0x70614d726f736e65;

    /// <summary>A Hopper of few multiprocessors, so that a block takes several tiles.</summary>
    public static HopperDevice Hopper { get; } = new(new HostTensorMaps(), 2);

    public TensorMap MapOf(ulong address, int rows, int columns, int boxRows) =>
        Map(address, [(ulong)columns, (ulong)rows], [(ulong)columns * sizeof(ushort)], [ITensorMaps.PanelColumns, (uint)boxRows]);

    public TensorMap MapOfPairs(ulong address, int rows, int columns)
    {
        var row = (ulong)columns * sizeof(ushort);
        return Map(address, [(ulong)columns, 8, 2, (ulong)rows / 8], [row, (ulong)rows * row, 8 * row], [ITensorMaps.PanelColumns, 8, 2, 8]);
    }

    private static TensorMap Map(ulong address, ReadOnlySpan<ulong> sizes, ReadOnlySpan<ulong> strides, ReadOnlySpan<uint> box)
    {
        var map = new HostTensorMap { Magic = Magic, Base = address, Dimensions = (uint)sizes.Length };
        for (var i = 0; i < 4; i++)
            (map.Sizes[i], map.Box[i]) = i < sizes.Length ? (sizes[i], box[i]) : (1, 1);
        strides.CopyTo(map.Strides);
        var bytes = new TensorMap();
        MemoryMarshal.Write(bytes, map);
        return bytes;
    }

    [StructLayout(LayoutKind.Sequential, Size = TensorMap.Size)]
    private struct HostTensorMap
    {
        public ulong Magic;
        public ulong Base;
        public Four<ulong> Sizes;
        public Three Strides;
        public Four<uint> Box;
        public uint Dimensions;
    }

    [InlineArray(4)]
    private struct Four<T>
    {
        private T _first;
    }

    [InlineArray(3)]
    private struct Three
    {
        private ulong _first;
    }
}
