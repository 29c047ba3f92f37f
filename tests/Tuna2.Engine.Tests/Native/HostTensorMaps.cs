using System.Runtime.InteropServices;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>Tensor maps as the host runner reads them: native/abi.h's Tuna2TensorMap.</summary>
internal sealed class HostTensorMaps : ITensorMaps
{
    private const ulong Magic = 0x70614d726f736e65;

    [StructLayout(LayoutKind.Sequential, Size = TensorMap.Size)]
    private struct HostTensorMap
    {
        public ulong Magic;
        public ulong Base;
        public ulong Columns;
        public ulong Rows;
        public ulong RowBytes;
        public uint BoxColumns;
        public uint BoxRows;
    }

    public TensorMap MapOf(ulong address, int rows, int columns, int boxRows)
    {
        var map = new TensorMap();
        MemoryMarshal.Write(map, new HostTensorMap
        {
            Magic = Magic, Base = address, Columns = (ulong)columns, Rows = (ulong)rows, RowBytes = (ulong)columns * sizeof(ushort),
            BoxColumns = ITensorMaps.PanelColumns, BoxRows = (uint)boxRows,
        });
        return map;
    }
}
