using System.Text;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>A source handed to NVRTC with its headers. One thread at a time.</summary>
internal sealed unsafe class NvrtcProgram : IDisposable
{
    private nint _program;

    public NvrtcProgram(KernelSource source)
    {
        nint program;
        using var headers = new Utf8Strings(source.Headers.Select(h => h.Text));
        using var names = new Utf8Strings(source.Headers.Select(h => h.Name));
        using var own = new Utf8Strings([source.Text, source.Name]);
        NvrtcLibrary.Check(
            Nvrtc.nvrtcCreateProgram(&program, own.Pointers[0], own.Pointers[1], source.Headers.Count, headers.Pointers, names.Pointers),
            nameof(Nvrtc.nvrtcCreateProgram));
        _program = program;
    }

    /// <summary>What NVRTC and its assembler wrote.</summary>
    public string Log
    {
        get
        {
            nuint size;
            if (Nvrtc.nvrtcGetProgramLogSize(_program, &size) != nvrtcResult.NVRTC_SUCCESS || size <= 1)
                return "";
            var log = new byte[checked((int)size)];
            fixed (byte* p = log)
                return Nvrtc.nvrtcGetProgramLog(_program, p) == nvrtcResult.NVRTC_SUCCESS ? Encoding.UTF8.GetString(log).TrimEnd('\0', '\n') : "";
        }
    }

    /// <summary>Compiles; the log says what went wrong when it fails.</summary>
    public nvrtcResult Compile(IReadOnlyList<string> options)
    {
        using var strings = new Utf8Strings(options);
        return Nvrtc.nvrtcCompileProgram(_program, options.Count, strings.Pointers);
    }

    /// <summary>The machine code, of a program compiled for an sm_ architecture.</summary>
    public byte[] Cubin()
    {
        nuint size;
        NvrtcLibrary.Check(Nvrtc.nvrtcGetCUBINSize(_program, &size), nameof(Nvrtc.nvrtcGetCUBINSize));
        var cubin = new byte[checked((int)size)];
        fixed (byte* p = cubin)
            NvrtcLibrary.Check(Nvrtc.nvrtcGetCUBIN(_program, p), nameof(Nvrtc.nvrtcGetCUBIN));
        return cubin;
    }

    /// <summary>The portable code, with the zero byte at its end that the driver wants.</summary>
    public byte[] Ptx()
    {
        nuint size;
        NvrtcLibrary.Check(Nvrtc.nvrtcGetPTXSize(_program, &size), nameof(Nvrtc.nvrtcGetPTXSize));
        var ptx = new byte[checked((int)size)];
        fixed (byte* p = ptx)
            NvrtcLibrary.Check(Nvrtc.nvrtcGetPTX(_program, p), nameof(Nvrtc.nvrtcGetPTX));
        return ptx;
    }

    public void Dispose()
    {
        if (_program == 0) return;
        fixed (nint* p = &_program)
            Nvrtc.nvrtcDestroyProgram(p);
        _program = 0;
    }
}
