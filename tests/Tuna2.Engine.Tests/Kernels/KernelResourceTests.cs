using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>
/// Every instance, compiled without a GPU: what it takes of one. Two architectures stand for the others; TUNA2_ARCHS=all compiles
/// for all that are supported. The ceilings of tests/fixtures/kernels/ceilings.json are what NVRTC 12.4 needed, up to the next
/// multiple of 8: registers are handed out in eights, so that below it nothing is lost.
/// </summary>
public partial class KernelResourceTests
{
    /// <summary>What a block of sm_86 and sm_89 may have at most, static and dynamic together.</summary>
    private const int SmallSharedBytes = 99 << 10;

    private static readonly string[] _architectures = Environment.GetEnvironmentVariable("TUNA2_ARCHS") == "all"
        ? ["sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"]
        : ["sm_80", "sm_90a"];

    private static IEnumerable<TestCaseData> Compilations() =>
        from instance in KernelCatalog.Instances
        from architecture in _architectures
        where Runs(instance, architecture)
        select new TestCaseData(instance, architecture).SetArgDisplayNames(instance.Name, architecture);

    private static IEnumerable<TestCaseData> SmallInstances() =>
        KernelCatalog.Instances.Where(k => Runs(k, "sm_86")).Select(k => new TestCaseData(k).SetArgDisplayNames(k.Name));

    [TestCaseSource(nameof(Compilations))]
    public void An_instance_needs_no_stack_no_spills_and_no_more_registers_than_its_ceiling(KernelInstance instance, string architecture)
    {
        var kernel = NvrtcUnderTest.Compiler().Compile(instance, architecture);
        TestContext.Out.WriteLine($"{kernel}: {kernel.Resources}, {kernel.Image.Length} bytes{(kernel.Cached ? ", cached" : "")}");
        Assert.That(kernel.IsPtx, Is.False);
        Assert.That(kernel.Resources, Is.Not.Null, kernel.Log);
        Assert.Multiple(() =>
        {
            Assert.That(kernel.Resources!.StackBytes, Is.Zero, "stack");
            Assert.That(kernel.Resources.SpillStores + kernel.Resources.SpillLoads, Is.Zero, "spills");
            Assert.That(kernel.Log, Does.Not.Contain("serialized"), "the assembler waits for each product of a warpgroup");
            Assert.That(kernel.Resources.SharedBytes, Is.Zero, "static shared memory: a kernel's is one struct over dynamic memory");
            var ceiling = Ceiling(instance.Name, architecture);
            Assert.That(ceiling, Is.Not.Null, $"ceilings.json has no \"{instance.Name}\": {{ \"{architecture}\": ... }}; measured {kernel.Resources.Registers}");
            Assert.That(kernel.Resources.Registers, Is.LessThanOrEqualTo(ceiling ?? 0), "registers");
        });
    }

    [TestCaseSource(nameof(SmallInstances))]
    public void Shared_memory_fits_the_small_architectures(KernelInstance instance)
    {
        var types = SharedMemory().Matches(KernelCatalog.Files[instance.Source]).Select(m => m.Groups["type"].Value).Distinct().ToArray();
        if (types.Length == 0)
            Assert.Pass("uses none");
        var assertions = types.Select(t => $"static_assert(sizeof({t}) <= {SmallSharedBytes}, \"{t} is larger than a block's shared memory\");");
        Assert.That(NvrtcUnderTest.Check(instance, string.Join('\n', assertions)), Is.Null);
    }

    [Test]
    public void Too_much_shared_memory_is_noticed() =>
        Assert.That(NvrtcUnderTest.Check(KernelCatalog.Get("rms_norm_bf16"), $"static_assert(sizeof(float[{SmallSharedBytes / 4 + 1}]) <= {SmallSharedBytes}, \"\");"), Is.Not.Null);

    [Test]
    public void The_launch_of_rms_norm_has_the_shared_memory_its_source_uses()
    {
        var launch = new RmsNorm(ElementType.BF16, Rows: 1).Shape(new() { Dim = 1024 });
        var kernel = new RmsNorm(ElementType.BF16, Rows: 1).Instance;
        Assert.That(NvrtcUnderTest.Check(kernel, $"static_assert(sizeof(RmsNormShared) == {launch.SharedBytes}, \"\");"), Is.Null);
    }

    [Test]
    public void No_ceiling_outlives_its_kernel()
    {
        using var table = Table();
        Assert.That(table.RootElement.EnumerateObject().Select(k => k.Name), Is.SubsetOf(KernelCatalog.Instances.Select(k => k.Name)));
    }

    [Test]
    public void The_report_of_the_assembler_is_read()
    {
        const string log = """
            ptxas info    : 24 bytes gmem, 8 bytes cmem[4]
            ptxas info    : Compiling entry function 'k' for 'sm_80'
            ptxas info    : Function properties for k
            ptxas         .     8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
            ptxas info    : Used 21 registers, used 1 barriers, 8 bytes cumulative stack size, 1024 bytes smem, 376 bytes cmem[0], 8 bytes cmem[2]
            """;
        Assert.That(KernelResources.FromLog(log), Is.EqualTo(new KernelResources(21, 1024, 8, 12, 16, 384)));
        Assert.That(KernelResources.FromLog("ptxas info    : 24 bytes gmem"), Is.Null);
    }

    private static bool Runs(KernelInstance instance, string architecture) =>
        instance.RunsOn(CudaArchitecture.Parse(architecture));

    private static int? Ceiling(string name, string architecture)
    {
        using var table = Table();
        return table.RootElement.TryGetProperty(name, out var row) && row.TryGetProperty(architecture, out var registers) ? registers.GetInt32() : null;
    }

    private static JsonDocument Table() => JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("kernels", "ceilings.json")));

    [GeneratedRegex(@"SHARED_MEMORY\((?<type>.+), *\w+\)")]
    private static partial Regex SharedMemory();
}
