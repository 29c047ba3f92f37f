using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 kernels: compiles the kernels, without a GPU, shows what they take of one, and packs them.</summary>
internal sealed class KernelsCommand : TunaCommand
{
    private static readonly string[] _defaultArchitectures = ["sm_80", "sm_90a"];

    /// <summary>What is packed unless told: the GPUs people have, as far as NVRTC knows them.</summary>
    private static readonly string[] _packedArchitectures = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120a"];

    private readonly Argument<string[]> _names = new("NAME") { HelpName = "NAME", Description = "Instances, or the kernels they are of [default: all]", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string[]> _architectures = new("--arch") { Description = "What to compile for, sm_80 or sm_90a or another; may be repeated [default: sm_80 and sm_90a; with --output sm_80, 86, 89, 90a, 100a and 120a, those NVRTC knows]", HelpName = "ARCH" };
    private readonly Option<bool> _noCache = new("--no-cache") { Description = "Compile everything anew and keep nothing" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Pack the machine code into this ZIP, to be built into the library or put beside the program as kernels.zip", HelpName = "FILE" };
    private readonly Option<bool> _json = CommonOptions.Json();

    public KernelsCommand(CliConsole console) : base("kernels", "Compile the CUDA kernels, which needs no GPU, and show their registers, memory and spills", console)
    {
        Examples = ["tuna2 kernels", "tuna2 kernels attention matmul --arch sm_89", "tuna2 kernels --arch sm_90a --json", "tuna2 kernels -o kernels.zip"];
        _names.CompletionSources.Add(_ => KernelCatalog.Instances.Select(kernel => kernel.Name));
        Add(_names);
        Add(_architectures);
        Add(_noCache);
        Add(_output);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // What was asked wrongly is said before what is missing.
        var instances = Choose(parsed.GetValue(_names) ?? []);
        var architectures = (parsed.GetValue(_architectures) is { Length: > 0 } given ? given : _defaultArchitectures).Distinct().Select(CudaArchitecture.Parse).ToList();
        var compiler = new KernelCompiler(new() { Cache = parsed.GetValue(_noCache) ? KernelCache.Off() : null });
        var output = parsed.GetValue(_output);
        if (output is not null && parsed.GetValue(_architectures) is not { Length: > 0 })
            architectures = [.. _packedArchitectures.Select(CudaArchitecture.Parse).Where(a => compiler.Capabilities.Contains(a.Capability))];
        CompiledKernel[] kernels;
        using (var progress = new ProgressLine(Console))
            kernels = Compile(compiler, instances, architectures, progress, cancellation);
        if (output is not null)
            Pack(compiler, output, kernels);
        if (parsed.GetValue(_json))
            WriteJson(compiler, kernels);
        else
            WriteTable(compiler, kernels);
        return Task.FromResult(ExitCode.Ok);
    }

    private static List<KernelInstance> Choose(string[] names)
    {
        var all = KernelCatalog.Instances;
        var unknown = names.FirstOrDefault(n => !all.Any(k => Is(k, n)));
        return unknown is null
            ? [.. all.Where(k => names.Length == 0 || names.Any(n => Is(k, n)))]
            : throw new RequestException($"there is no kernel '{unknown}'{Nearest.DidYouMean(unknown, all.SelectMany(k => new[] { k.Name, k.Entry }))}");

        static bool Is(KernelInstance kernel, string name) => kernel.Name == name || kernel.Entry == name;
    }

    private static CompiledKernel[] Compile(
        KernelCompiler compiler, IEnumerable<KernelInstance> instances, IEnumerable<CudaArchitecture> architectures, ProgressLine progress, CancellationToken cancellation)
    {
        var work = architectures
            .SelectMany(a => instances.Where(k => k.RunsOn(a)).Select(k => (Kernel: k, Architecture: a)))
            .ToArray();
        var compiled = new CompiledKernel[work.Length];
        var done = 0;
        progress.Report(new CountProgress("kernel", 0, work.Length));
        try
        {
            Parallel.For(0, work.Length, new() { CancellationToken = cancellation }, i =>
            {
                compiled[i] = compiler.Compile(work[i].Kernel, work[i].Architecture.ToString());
                progress.Report(new CountProgress("kernel", Interlocked.Increment(ref done), work.Length));
            });
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<Tuna2Exception>().FirstOrDefault() is { } first)
        {
            throw first;
        }
        return compiled;
    }

    private static void Pack(KernelCompiler compiler, string output, CompiledKernel[] kernels)
    {
        if (kernels.FirstOrDefault(k => k.IsPtx) is { } portable)
            throw new RequestException($"{portable}: NVRTC {compiler.Version} makes no machine code for the architecture asked for");
        KernelArchive.Write(output, kernels);
    }

    private void WriteTable(KernelCompiler compiler, IReadOnlyList<CompiledKernel> kernels)
    {
        Console.Out.WriteLine($"NVRTC {compiler.Version}: {compiler.Search.Path}");
        if (KernelCatalog.Folder is { } folder)
            Console.Out.WriteLine($"kernels: {folder}");
        Console.Out.WriteLine(compiler.Cache.Reason is { } reason ? $"no cache: {reason}" : $"cache: {compiler.Cache.Directory}");
        Console.Out.WriteLine();
        var width = kernels.Select(k => k.Instance.Name.Length).DefaultIfEmpty().Max();
        Console.Out.WriteLine($"{"kernel".PadRight(width)}  {"arch",-11} {"registers",9} {"shared",7} {"stack",6} {"spills",7}  cached");
        foreach (var kernel in kernels)
        {
            var resources = kernel.Resources;
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kernel.Instance.Name.PadRight(width)}  {kernel.Architecture,-11} {resources?.Registers,9} {resources?.SharedBytes,7} {resources?.StackBytes,6} {resources?.SpillStores + resources?.SpillLoads,7}  {(kernel.Cached ? "yes" : "no")}"));
        }
    }

    private void WriteJson(KernelCompiler compiler, IEnumerable<CompiledKernel> kernels) => Console.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteString("nvrtc", compiler.Search.Path);
        json.WriteString("nvrtc_version", compiler.Version.ToString());
        json.WriteString("cache", compiler.Cache.Directory);
        json.WriteStartArray("kernels");
        foreach (var kernel in kernels)
        {
            json.WriteStartObject();
            json.WriteString("name", kernel.Instance.Name);
            json.WriteString("arch", kernel.Architecture);
            // PTX is compiled by the driver: what it will take is not known here.
            Write(json, "registers", kernel.Resources?.Registers);
            Write(json, "shared_bytes", kernel.Resources?.SharedBytes);
            Write(json, "stack_bytes", kernel.Resources?.StackBytes);
            Write(json, "spill_store_bytes", kernel.Resources?.SpillStores);
            Write(json, "spill_load_bytes", kernel.Resources?.SpillLoads);
            json.WriteBoolean("cached", kernel.Cached);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
