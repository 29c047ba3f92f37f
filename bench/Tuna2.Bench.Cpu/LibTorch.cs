using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using TorchSharp;

namespace Tuna2.Bench.Cpu;

/// <summary>The peer: libtorch's CPU build, through TorchSharp.</summary>
internal static class LibTorch
{
    /// <summary>What the numbers are compared with, for the result rows.</summary>
    public static string Build { get; private set; } = "";

    /// <summary>Loads it and sets its threads; call before anything else of TorchSharp.</summary>
    public static void Start(int threads)
    {
        if (OperatingSystem.IsLinux())
            LibStdCxxSymbol.MakeOptional(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"));
        Load(threads);
    }

    // Apart, so that TorchSharp's static constructors do not run before the library was made loadable.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Load(int threads)
    {
        torch.set_num_threads(threads);
        if (torch.get_num_threads() != threads)
            throw new InvalidOperationException($"libtorch runs {torch.get_num_threads()} threads instead of {threads}");
        torch.set_grad_enabled(false);
        Build = $"libtorch {torch.__version__} CPU (TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}), float32";
    }
}

/// <summary>
/// libLibTorchSharp.so was linked with GCC 13, whose headers name one new function of libstdc++ without ever calling it, so an
/// older distribution (Debian 12) refuses the library for a name it does not need. This marks the name, and the version it is
/// asked under, as weak in the build's own copy: the loader then does without where it is missing, and nothing changes where it
/// is there.
/// </summary>
internal static class LibStdCxxSymbol
{
    private const string Name = "_ZSt21ios_base_library_initv";
    private const string Version = "GLIBCXX_3.4.32";

    // Fields of a 64-bit little-endian ELF file (System V ABI, and the GNU symbol versions of the LSB).
    private const int SectionHeadersAt = 0x28, SectionHeaderSizeAt = 0x3A, SectionCountAt = 0x3C;
    private const int DynamicSymbols = 11, VersionNeeds = 0x6FFFFFFE;
    private const int SymbolBytes = 24, BindingAt = 4, WeakBinding = 2 << 4, WeakVersion = 2;

    /// <summary>Edits the library in place; a no-op on one that does not name the function or was edited before.</summary>
    public static void MakeOptional(string library)
    {
        if (!File.Exists(library))
            return;
        var file = File.ReadAllBytes(library);
        if (!file.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8))
            return;
        var changed = false;
        for (var s = 0; s < U16(SectionCountAt); s++)
        {
            var section = (int)U64(SectionHeadersAt) + s * U16(SectionHeaderSizeAt);
            int at = (int)U64(section + 0x18), length = (int)U64(section + 0x20);
            var names = (int)U64((int)U64(SectionHeadersAt) + (int)U32(section + 0x28) * U16(SectionHeaderSizeAt) + 0x18);
            if (U32(section + 4) == DynamicSymbols)
                for (var symbol = at; symbol < at + length; symbol += SymbolBytes)
                    if (Text(names + (int)U32(symbol)) == Name)
                        Set(symbol + BindingAt, (byte)(file[symbol + BindingAt] & 0xF | WeakBinding));
            if (U32(section + 4) == VersionNeeds)
                for (int need = at, nextNeed = 1; nextNeed != 0; need += nextNeed)
                {
                    nextNeed = (int)U32(need + 12);
                    for (int version = need + (int)U32(need + 8), next = 1; next != 0; version += next)
                    {
                        next = (int)U32(version + 12);
                        if (Text(names + (int)U32(version + 8)) == Version)
                            Set(version + 4, (byte)(file[version + 4] | WeakVersion));
                    }
                }
        }
        if (!changed)
            return;
        // Written beside and moved over: a library that another process has loaded keeps its bytes.
        var edited = $"{library}.{Environment.ProcessId}";
        File.WriteAllBytes(edited, file);
        File.Move(edited, library, overwrite: true);

        ushort U16(int i) => BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(i));
        uint U32(int i) => BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(i));
        ulong U64(int i) => BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(i));
        string Text(int i) => Encoding.ASCII.GetString(file.AsSpan(i, file.AsSpan(i).IndexOf((byte)0)));
        void Set(int i, byte value)
        {
            changed |= file[i] != value;
            file[i] = value;
        }
    }
}
