using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>
/// A library of NVIDIA's without a GPU: a C file of tests/fixtures, compiled once and loaded. Each is a copy of its own, and so has its
/// own state. It records calls and fails those it is told to.
/// </summary>
internal abstract unsafe class FakeLibrary : IDisposable
{
    private static readonly ConcurrentDictionary<string, Lazy<(byte[]? Library, string Problem)>> _compiled = new();

    private readonly TemporaryDirectory _folder = new();
    private readonly nint _handle;

    /// <param name="source">Its folder and file: "fakecuda".</param>
    /// <param name="file">The name of the library it stands for.</param>
    protected FakeLibrary(string source, string file)
    {
        var compiled = _compiled.GetOrAdd(source, s => new(() => Compile(s))).Value;
        if (compiled.Library is not { } library)
        {
            _folder.Dispose();
            Requirement.Missing("native", compiled.Problem);
            throw new InvalidOperationException(compiled.Problem);
        }
        Path = _folder.Write(file, library);
        _handle = NativeLibrary.Load(Path);
    }

    public string Path { get; }

    /// <summary>Every call so far, but those that name errors.</summary>
    public IReadOnlyList<string> Calls => Text("fake_log").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Objects of the library that are alive.</summary>
    public int Live => Number("fake_live");

    /// <summary>Fails the nth call from now, of one function or ("") of all; once, or that and all later ones.</summary>
    public void Fail(string function, int result, int nth = 1, bool forever = false)
    {
        var name = Marshal.StringToCoTaskMemUTF8(function);
        ((delegate* unmanaged<nint, int, int, int, void>)Export("fake_fail"))(name, nth, result, forever ? 1 : 0);
        Marshal.FreeCoTaskMem(name);
    }

    /// <summary>The library stays loaded: what is bound to it may still be about.</summary>
    public void Dispose() => _folder.Dispose();

    protected int Number(string name) => ((delegate* unmanaged<int>)Export(name))();

    protected nint Export(string name) => NativeLibrary.GetExport(_handle, name);

    private static (byte[]?, string) Compile(string source)
    {
        if (OperatingSystem.IsWindows())
            return (null, $"{source} is built with cc, on Linux");
        using var folder = new TemporaryDirectory();
        try
        {
            var start = new ProcessStartInfo("cc") { RedirectStandardError = true };
            foreach (var argument in new[] { "-std=c11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", folder.File("fake.so"), Fixtures.Path(source, $"{source}.c"), "-lm" })
                start.ArgumentList.Add(argument);
            using var compiler = Process.Start(start)!;
            var errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            // A compiler that is there and rejects the source is no machine's lack.
            if (compiler.ExitCode != 0)
                throw new InvalidOperationException(errors);
            return (File.ReadAllBytes(folder.File("fake.so")), "");
        }
        catch (Win32Exception)
        {
            return (null, $"{source} needs a C compiler: there is no cc");
        }
    }

    private string Text(string name) => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export(name))())!;
}
