using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>
/// Machine code that was compiled ahead, so that official shapes on listed architectures need the driver only. A ZIP of entries
/// "sm_90a/rms_norm_bf16-SOURCE-IMAGE.cubin": the architecture, the kernel, a hash of what it was compiled from and one of the code. Code
/// of other sources than the catalog's is stale and as good as absent, and so is damaged code.
/// </summary>
public sealed class KernelArchive
{
    /// <summary>Its name as a file beside the program and as a resource of the library.</summary>
    public const string FileName = "kernels.zip";

    private const string Extension = ".cubin";
    private const int HashDigits = 32;

    private static readonly Lazy<IReadOnlyList<KernelArchive>> _all = new(() => [.. Found()]);

    private readonly Func<Stream> _open;
    private readonly Dictionary<(string Architecture, string Kernel), string> _entries = [];

    private KernelArchive(string name, Func<Stream> open)
    {
        (Name, _open) = (name, open);
        try
        {
            using var zip = new ZipArchive(open(), ZipArchiveMode.Read);
            foreach (var path in zip.Entries.Select(e => e.FullName))
                if (path.Split('/') is [var architecture, var file] && file.EndsWith(Extension, StringComparison.Ordinal) && file.Length > SuffixLength)
                    _entries[(architecture, file[..^SuffixLength])] = path;
        }
        catch (InvalidDataException e)
        {
            throw new DeviceException($"{name}: damaged: {OneLine.Of(e.Message)}", e);
        }
    }

    /// <summary>Those there are, the first to be asked first: beside the program, for it can be replaced, then in the library.</summary>
    /// <exception cref="DeviceException">One is damaged.</exception>
    public static IReadOnlyList<KernelArchive> All => _all.Value;

    /// <summary>The file, or where else it is.</summary>
    public string Name { get; }

    /// <summary>Architectures it has code for, in order.</summary>
    public IReadOnlyList<string> Architectures => [.. _entries.Keys.Select(k => k.Architecture).Distinct().Order(StringComparer.Ordinal)];

    private static int SuffixLength => 2 * (HashDigits + 1) + Extension.Length;

    /// <summary>Opens a file.</summary>
    /// <exception cref="DeviceException">It is damaged.</exception>
    public static KernelArchive Open(string path) => new(path, () => File.OpenRead(path));

    /// <summary>Writes kernels to a file, all or nothing: the same kernels are the same bytes.</summary>
    /// <exception cref="ArgumentException">One is PTX, which is no machine code.</exception>
    public static void Write(string path, IReadOnlyCollection<CompiledKernel> kernels) => AtomicFile.Write(path, stream =>
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var kernel in kernels.OrderBy(k => k.Architecture, StringComparer.Ordinal).ThenBy(k => k.Instance.Name, StringComparer.Ordinal))
        {
            if (kernel.IsPtx)
                throw new ArgumentException($"{kernel} is PTX", nameof(kernels));
            var entry = zip.CreateEntry(
                $"{kernel.Architecture}/{kernel.Instance.Name}-{SourceHash(kernel.Instance)}-{ImageHash(kernel.Image.Span)}{Extension}", CompressionLevel.SmallestSize);
            entry.LastWriteTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the earliest a ZIP can hold
            using var to = entry.Open();
            to.Write(kernel.Image.Span);
        }
    });

    /// <summary>
    /// The code of a kernel for an architecture, or for an older one of its generation, whose code it runs; null where there is none of
    /// the present source.
    /// </summary>
    public CompiledKernel? Find(KernelInstance kernel, CudaArchitecture architecture)
    {
        foreach (var runnable in Runnable(architecture))
            if (_entries.TryGetValue((runnable, kernel.Name), out var path) && Read(path, kernel) is { } image)
                return new() { Instance = kernel, Architecture = runnable, IsPtx = false, Image = image, Resources = null, Log = "", Packed = true };
        return null;
    }

    /// <summary>What code an architecture runs: its own; and without a suffix, that of older ones of the same major number.</summary>
    private static IEnumerable<string> Runnable(CudaArchitecture architecture)
    {
        yield return architecture.ToString();
        if (architecture.Suffix is null)
            for (var older = architecture.Capability - 1; older / 10 == architecture.Capability / 10; older--)
                yield return new CudaArchitecture(older).ToString();
    }

    private static IEnumerable<KernelArchive> Found()
    {
        if (Path.Combine(AppContext.BaseDirectory, FileName) is var beside && File.Exists(beside))
            yield return Open(beside);
        var assembly = Assembly.GetExecutingAssembly();
        if (assembly.GetManifestResourceInfo(FileName) is not null)
            yield return new("the library's", () => assembly.GetManifestResourceStream(FileName)!);
    }

    private static string SourceHash(KernelInstance kernel) => KernelKey.Of("packed", kernel, KernelSource.Of(kernel), kernel.Defines).Hex[..HashDigits];

    private static string ImageHash(ReadOnlySpan<byte> image) => Convert.ToHexStringLower(SHA256.HashData(image))[..HashDigits];

    private byte[]? Read(string path, KernelInstance kernel)
    {
        var hashes = path[^SuffixLength..];
        if (!hashes.AsSpan(1).StartsWith(SourceHash(kernel)))
            return null;
        try
        {
            using var zip = new ZipArchive(_open(), ZipArchiveMode.Read); // its own: a kernel is asked for once, by any thread
            using var from = zip.GetEntry(path)?.Open() ?? Stream.Null;
            using var image = new MemoryStream();
            from.CopyTo(image);
            var bytes = image.ToArray();
            return hashes.AsSpan(HashDigits + 2).StartsWith(ImageHash(bytes)) ? bytes : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return null;
        }
    }
}
