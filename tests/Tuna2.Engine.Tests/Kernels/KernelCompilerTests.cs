using NUnit.Framework;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>The compiler: what it makes, and what it says when it cannot.</summary>
public class KernelCompilerTests
{
    private const string Fill = """
        extern "C" __global__ void fill(float* x) { x[threadIdx.x] = VALUE; }
        """;

    private static readonly KernelInstance _fill = new("fill_1", "fill.cu", ["VALUE=1"]);

    /// <summary>Before a test expects an exception, which the end of a skipped test is one of.</summary>
    [SetUp]
    public void Find() => _ = NvrtcUnderTest.Compiler(KernelCache.Off());

    [Test]
    public void Machine_code_is_an_ELF_file()
    {
        var kernel = Compile(_fill, Fill, "sm_90a");
        Assert.That(kernel.IsPtx, Is.False);
        Assert.That(kernel.Architecture, Is.EqualTo("sm_90a"));
        Assert.That(kernel.Image.Span[..4].ToArray(), Is.EqualTo("\u007fELF"u8.ToArray()));
        Assert.That(kernel.Resources!.Registers, Is.GreaterThan(0));
    }

    [Test]
    public void An_architecture_newer_than_NVRTC_gets_PTX_of_the_newest_it_knows()
    {
        var newest = NvrtcUnderTest.Compiler().Capabilities.Max();
        var kernel = Compile(_fill, Fill, "sm_999a");
        Assert.That(kernel.IsPtx, Is.True);
        Assert.That(kernel.Architecture, Is.EqualTo($"compute_{newest}"));
        Assert.That(kernel.Resources, Is.Null);
        Assert.That(kernel.Image.Span[^1], Is.Zero, "the driver reads PTX up to a zero");
        Assert.That(System.Text.Encoding.ASCII.GetString(kernel.Image.Span), Does.Contain(".visible .entry fill"));
    }

    [Test]
    public void A_kernel_of_a_newer_architecture_than_asked_for_is_refused()
    {
        var compiler = NvrtcUnderTest.Compiler();
        Assert.That(() => compiler.Compile(_fill with { MinimumArchitecture = "sm_90a" }, KernelSource.Of("fill.cu", Fill, Files), "sm_80"),
            Throws.TypeOf<DeviceException>().With.Message.EqualTo("fill_1 needs sm_90a, not sm_80"));
        Assert.That(() => compiler.Compile(_fill with { MinimumArchitecture = "sm_999a" }, KernelSource.Of("fill.cu", Fill, Files), "sm_999a"),
            Throws.TypeOf<DeviceException>().With.Message.StartsWith("fill_1 needs sm_999a, and NVRTC"));
        Assert.That(() => compiler.Compile(_fill, KernelSource.Of("fill.cu", Fill, Files), "sm_10"), Throws.TypeOf<DeviceException>());
    }

    [Test]
    public void An_error_names_the_kernel_its_defines_and_the_architecture_and_keeps_the_log()
    {
        var error = Assert.Throws<DeviceException>(() => Compile(_fill, "\n" + Fill.Replace("threadIdx", "thread", StringComparison.Ordinal), "sm_80"))!;
        Assert.That(error.Message, Does.StartWith("fill_1 [VALUE=1] does not compile for sm_80: fill.cu(2): error:").And.Not.Contains("\n"));
        Assert.That(error.Log, Does.Contain("thread").And.Contains("1 error"));
    }

    [Test]
    public void An_include_that_does_not_exist_is_named() =>
        Assert.That(() => Compile(_fill, "#include \"common/nothing.cuh\"\n" + Fill, "sm_80"), Throws.TypeOf<DeviceException>().With.Message.Contains("common/nothing.cuh"));

    [Test]
    public void A_header_that_is_reached_twice_by_different_paths_is_one_header()
    {
        var files = new Dictionary<string, string>
        {
            ["common/a.cuh"] = "#pragma once\n#include \"b.cuh\"\n",
            ["common/b.cuh"] = "#pragma once\n  #  include \"a.cuh\"\nconstexpr float one = 1;\n",
        };
        const string text = "#include \"common/b.cuh\"\n#include \"common/a.cuh\"\n" + Fill;
        var source = KernelSource.Of("fill.cu", text, files);
        Assert.That(source.Headers.Select(h => h.Name), Is.EqualTo(new[] { "common/a.cuh", "common/b.cuh" }));
        Assert.That(() => NvrtcUnderTest.Compiler(KernelCache.Off()).Compile(_fill with { Defines = ["VALUE=one"] }, source, "sm_80"), Throws.Nothing);
    }

    [Test]
    public void Threads_compile_at_the_same_time_what_one_compiles()
    {
        var compiler = NvrtcUnderTest.Compiler(KernelCache.Off());
        var instances = Enumerable.Range(0, 12).Select(i => new KernelInstance($"fill_{i}", "fill.cu", [$"VALUE={i % 6}"])).ToArray();
        var images = new byte[instances.Length][];
        Parallel.For(0, images.Length, new() { MaxDegreeOfParallelism = 4 }, i =>
            images[i] = compiler.Compile(instances[i], KernelSource.Of("fill.cu", Fill, Files), "sm_80").Image.ToArray());
        for (var i = 0; i < 6; i++)
            Assert.That(images[i + 6], Is.EqualTo(images[i]));
        Assert.That(images[1], Is.Not.EqualTo(images[0]));
    }

    private static IReadOnlyDictionary<string, string> Files => KernelCatalog.Files;

    private static CompiledKernel Compile(KernelInstance instance, string text, string architecture) =>
        NvrtcUnderTest.Compiler(KernelCache.Off()).Compile(instance, KernelSource.Of(instance.Source, text, Files), architecture);
}
