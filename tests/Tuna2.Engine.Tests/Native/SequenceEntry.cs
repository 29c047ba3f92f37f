using System.Runtime.InteropServices;

namespace Tuna2.Engine.Tests.Native;

/// <summary>An entry of the table of kernels/common/sequences.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SequenceEntry
{
    public int QBegin;
    public int QLen;
    public int KvBase;
    public int PrefixLen;
    public int PosBase;
    public int ModRow;
    public int Frames;
    public int Height;
    public int Width;
}
