using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 kernels: compiles the kernels, without a GPU, and shows what they take of one.</summary>
internal static class KernelsCommand
{
    private static readonly string[] _defaultArchitectures = ["sm_80", "sm_90a"];

    /// <summary>The command, which writes results to one writer and the one line of an error to another.</summary>
    public static Command Create(TextWriter output, TextWriter error)
    {
        var names = new Argument<string[]>("NAME") { Description = "Instances, or the kernels they are of [default: all]", Arity = ArgumentArity.ZeroOrMore };
        var architectures = new Option<string[]>("--arch") { Description = "What to compile for, sm_80 or sm_90a or another; may be repeated [default: sm_80 and sm_90a]", HelpName = "ARCH" };
        var noCache = new Option<bool>("--no-cache") { Description = "Compile everything anew and keep nothing" };
        var json = new Option<bool>("--json") { Description = "Print an array of objects" };
        var command = new Command("kernels", "Compile the CUDA kernels, which needs no GPU, and show their registers, memory and spills")
        {
            names, architectures, noCache, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            try
            {
                var compiler = new KernelCompiler(new() { Cache = parsed.GetValue(noCache) ? KernelCache.Off() : null });
                var chosen = parsed.GetValue(architectures) is { Length: > 0 } given ? given : _defaultArchitectures;
                var kernels = Compile(compiler, Choose(parsed.GetValue(names) ?? []), chosen, cancellation);
                if (parsed.GetValue(json))
                    WriteJson(output, kernels);
                else
                    WriteTable(output, compiler, kernels);
                return Task.FromResult(ExitCode.Ok);
            }
            catch (Tuna2Exception e)
            {
                error.WriteLine($"tuna2: {CliConsole.OneLine(e.Message)}");
                return Task.FromResult(e is RequestException ? ExitCode.Usage : ExitCode.Failure);
            }
        });
        return command;
    }

    private static List<KernelInstance> Choose(string[] names)
    {
        var all = KernelCatalog.Instances;
        var unknown = names.FirstOrDefault(n => !all.Any(k => Is(k, n)));
        return unknown is null
            ? [.. all.Where(k => names.Length == 0 || names.Any(n => Is(k, n)))]
            : throw new RequestException($"there is no kernel '{unknown}'");

        static bool Is(KernelInstance kernel, string name) => kernel.Name == name || kernel.Entry == name;
    }

    private static CompiledKernel[] Compile(
        KernelCompiler compiler, IEnumerable<KernelInstance> instances, IEnumerable<string> architectures, CancellationToken cancellation)
    {
        var work = architectures.Distinct().Select(CudaArchitecture.Parse)
            .SelectMany(a => instances.Where(k => a.Satisfies(CudaArchitecture.Parse(k.MinimumArchitecture))).Select(k => (Kernel: k, Architecture: a)))
            .ToArray();
        var compiled = new CompiledKernel[work.Length];
        try
        {
            Parallel.For(0, work.Length, new() { CancellationToken = cancellation }, i => compiled[i] = compiler.Compile(work[i].Kernel, work[i].Architecture.ToString()));
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<Tuna2Exception>().FirstOrDefault() is { } first)
        {
            throw first;
        }
        return compiled;
    }

    private static void WriteTable(TextWriter output, KernelCompiler compiler, IReadOnlyList<CompiledKernel> kernels)
    {
        output.WriteLine($"NVRTC {compiler.Version}: {compiler.Search.Path}");
        output.WriteLine(compiler.Cache.Reason is { } reason ? $"no cache: {reason}" : $"cache: {compiler.Cache.Directory}");
        output.WriteLine();
        var width = kernels.Select(k => k.Instance.Name.Length).DefaultIfEmpty().Max();
        output.WriteLine($"{"kernel".PadRight(width)}  {"arch",-11} {"registers",9} {"shared",7} {"stack",6} {"spills",7}  cached");
        foreach (var kernel in kernels)
        {
            var resources = kernel.Resources;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kernel.Instance.Name.PadRight(width)}  {kernel.Architecture,-11} {resources?.Registers,9} {resources?.SharedBytes,7} {resources?.StackBytes,6} {resources?.SpillStores + resources?.SpillLoads,7}  {(kernel.Cached ? "yes" : "no")}"));
        }
    }

    private static void WriteJson(TextWriter output, IEnumerable<CompiledKernel> kernels)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new() { Indented = true }))
        {
            json.WriteStartArray();
            foreach (var kernel in kernels)
            {
                json.WriteStartObject();
                json.WriteString("name", kernel.Instance.Name);
                json.WriteString("arch", kernel.Architecture);
                // PTX is compiled by the driver: what it will take is not known here.
                Write(json, "registers", kernel.Resources?.Registers);
                Write(json, "shared", kernel.Resources?.SharedBytes);
                Write(json, "stack", kernel.Resources?.StackBytes);
                Write(json, "spill_stores", kernel.Resources?.SpillStores);
                Write(json, "spill_loads", kernel.Resources?.SpillLoads);
                json.WriteBoolean("cached", kernel.Cached);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        output.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static void Write(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
