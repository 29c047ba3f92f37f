using System.Runtime.InteropServices;

namespace Tuna2.Engine.Interop;

/// <summary>Strings as C has them, for the length of a call: an array of pointers to zero-terminated UTF-8.</summary>
internal sealed unsafe class Utf8Strings : IDisposable
{
    private readonly int _count;

    public Utf8Strings(IEnumerable<string> strings)
    {
        var all = strings.ToArray();
        Pointers = (byte**)NativeMemory.AllocZeroed((nuint)all.Length + 1, (nuint)sizeof(byte*));
        foreach (var s in all)
            Pointers[_count++] = (byte*)Marshal.StringToCoTaskMemUTF8(s);
    }

    /// <summary>The array; valid until disposal.</summary>
    public byte** Pointers { get; }

    public void Dispose()
    {
        for (var i = 0; i < _count; i++)
            Marshal.FreeCoTaskMem((nint)Pointers[i]);
        NativeMemory.Free(Pointers);
    }
}
