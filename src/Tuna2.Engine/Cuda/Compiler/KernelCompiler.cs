using System.Globalization;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>
/// Compiles kernels with NVRTC, or takes them from the cache. It needs no GPU and no driver, and may be used by several threads
/// at once.
/// </summary>
public sealed class KernelCompiler
{
    private readonly NvrtcLibrary _nvrtc;
    private readonly string _identity;
    private readonly bool _lineInfo;

    /// <summary>Finds NVRTC and opens the cache.</summary>
    /// <exception cref="DeviceException">There is no NVRTC; the message says where it was looked for.</exception>
    public KernelCompiler(KernelCompilerOptions? options = null)
    {
        _nvrtc = NvrtcLibrary.Load(options?.NvrtcPath);
        _lineInfo = options?.LineInfo ?? false;
        Cache = options?.Cache ?? KernelCache.OfUser();
        // The version has no patch number; updates of one version differ in length.
        var length = File.Exists(Search.Path) ? new FileInfo(Search.Path).Length : 0;
        _identity = string.Create(CultureInfo.InvariantCulture, $"nvrtc {_nvrtc.Version} {length}");
    }

    /// <summary>Where compiled kernels are kept.</summary>
    public KernelCache Cache { get; }

    /// <summary>NVRTC's version, which is the toolkit's: 12.4.</summary>
    public Version Version => _nvrtc.Version;

    /// <summary>How NVRTC was found.</summary>
    public LibrarySearch Search => _nvrtc.Search;

    /// <summary>The compute capabilities this NVRTC makes machine code for: 80, 86, ...</summary>
    public IReadOnlyList<int> Capabilities => _nvrtc.Capabilities;

    /// <summary>
    /// The kernel for an architecture: machine code, or PTX for the newest architecture before it when NVRTC does not know it.
    /// </summary>
    /// <param name="instance">The kernel.</param>
    /// <param name="architecture">What the GPU is: "sm_80", "sm_90a".</param>
    /// <exception cref="DeviceException">
    /// The kernel or NVRTC does not support the architecture, or the source does not compile: then
    /// <see cref="DeviceException.Log"/> holds what the compiler wrote.
    /// </exception>
    public CompiledKernel Compile(KernelInstance instance, string architecture)
    {
        ArgumentNullException.ThrowIfNull(instance);
        return Compile(instance, KernelSource.Of(instance), architecture);
    }

    /// <summary>Compiles anew a kernel whose image the driver would not load, and forgets the cached one. To be tried once.</summary>
    public CompiledKernel Recompile(CompiledKernel kernel, string architecture)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        Cache.Remove(kernel);
        return Compile(kernel.Instance, architecture);
    }

    /// <summary>Compiles a source that need not be the catalog's.</summary>
    internal CompiledKernel Compile(KernelInstance instance, KernelSource source, string architecture)
    {
        var wanted = CudaArchitecture.Parse(architecture);
        var minimum = CudaArchitecture.Parse(instance.MinimumArchitecture);
        if (!wanted.Satisfies(minimum))
            throw new DeviceException($"{instance.Name} needs {minimum}, not {wanted}");
        var known = Known(wanted);
        if (!known.Satisfies(minimum))
            throw new DeviceException($"{instance.Name} needs {minimum}, and NVRTC {Version} compiles for {wanted} only what runs on {known}");
        var isPtx = known.Capability != wanted.Capability;
        var target = isPtx ? string.Create(CultureInfo.InvariantCulture, $"compute_{known.Capability}") : wanted.ToString();
        string[] options =
        [
            $"--gpu-architecture={target}",
            "-std=c++17",
            .. instance.Defines.Select(d => $"-D{d}"),
            "--ptxas-options=-v",
            .. (ReadOnlySpan<string>)(_lineInfo ? ["-lineinfo"] : []),
        ];
        var key = KernelKey.Of(_identity, instance, source, options);
        if (Cache.Find(key, instance) is { } cached && cached.Architecture == target && cached.IsPtx == isPtx)
            return cached;

        using var program = new NvrtcProgram(source);
        var result = program.Compile(options);
        var log = program.Log;
        if (result != nvrtcResult.NVRTC_SUCCESS)
        {
            var error = log.Split('\n').FirstOrDefault(l => l.Contains("error", StringComparison.Ordinal)) ?? NvrtcLibrary.Describe(result);
            throw new DeviceException($"{instance} does not compile for {target}: {OneLine.Of(error.Trim())}") { Log = log };
        }
        var kernel = new CompiledKernel
        {
            Instance = instance,
            Key = key,
            Architecture = target,
            IsPtx = isPtx,
            Image = isPtx ? program.Ptx() : program.Cubin(),
            Resources = isPtx ? null : KernelResources.FromLog(log),
            Log = log,
        };
        Cache.Store(kernel, source, options);
        return kernel;
    }

    /// <summary>
    /// The architecture itself when NVRTC knows it, else the newest before it, whose PTX it runs. Features of one architecture only
    /// are not in such PTX.
    /// </summary>
    private CudaArchitecture Known(CudaArchitecture wanted)
    {
        if (_nvrtc.Capabilities.Contains(wanted.Capability))
            return wanted;
        var older = _nvrtc.Capabilities.Where(c => c < wanted.Capability).ToArray();
        return older.Length > 0
            ? new(older.Max())
            : throw new DeviceException($"NVRTC {Version} does not compile for {wanted}, only for sm_{_nvrtc.Capabilities.Min()} and newer");
    }
}
