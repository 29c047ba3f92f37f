using NUnit.Framework;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>What bench/Tuna2.Bench measures, and how it counts. It is measured on a GPU only; this needs none.</summary>
public class KernelCasesTests
{
    private static IEnumerable<KernelCase> Cases => KernelCases.All;

    private static IEnumerable<string> Names => Cases.Select(c => c.Name);

    [Test]
    public void Every_instance_has_a_case() =>
        Assert.That(Cases.Select(c => c.Instance.Name).Distinct(), Is.EquivalentTo(KernelCatalog.Instances.Select(i => i.Name)));

    [Test]
    public void Cases_have_names_of_their_own() => Assert.That(Cases.Select(c => c.Name), Is.Unique);

    [TestCaseSource(nameof(Names))]
    public void A_case_can_be_launched_and_costs_something(string name)
    {
        var measured = Cases.Single(c => c.Name == name);
        var shape = measured.Launch;
        Assert.That(shape.GridX, Is.Positive);
        Assert.That(shape.GridY, Is.InRange(1, 65535));
        Assert.That(shape.GridZ, Is.InRange(1, 65535));
        Assert.That(shape.Block, Is.InRange(32, 1024));
        Assert.That(shape.SharedBytes, Is.LessThan((measured.Instance.MinimumArchitecture == "sm_80" ? 99 : 227) << 10));
        Assert.That(measured.Cost.Bytes, Is.Positive);
        // What must be moved at least cannot be much more than the buffers hold: a pass over each, and two more over what is
        // written, read back and written again.
        Assert.That(measured.Cost.Bytes, Is.LessThan(3 * measured.SetBytes));
        Assert.That(measured.SetBytes, Is.LessThan(3L << 30));
    }

    [TestCaseSource(nameof(Names))]
    public void Sets_are_laid_out_alike(string name)
    {
        var measured = Cases.Single(c => c.Name == name);
        const ulong stride = 1 << 20;
        ulong[] a = Words(0), b = Words(stride), c = Words(2 * stride);
        for (var i = 0; i < a.Length; i++)
            Assert.That(c[i] - b[i], Is.EqualTo(b[i] - a[i]).And.AnyOf(0ul, stride), $"word {i}: an address moves with its set, a number stays");

        // From 1 GiB on, so that no null address is a buffer's.
        ulong[] Words(ulong moved) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(measured.Arguments(new SetLayout((1ul << 30) + moved))).ToArray();
    }

    [Test]
    public void A_product_costs_what_the_paper_says()
    {
        var product = Cases.Single(c => c.Name == "matmul_bf16 llm qkv 2050 x 4608 x 3584");
        Assert.That(product.Cost.Flops, Is.EqualTo(2L * 2050 * 4608 * 3584));
        Assert.That(product.Cost.Bytes, Is.EqualTo(2L * (2050 * 3584 + 4608 * 3584 + 2050 * 4608)));
        var attention = Cases.Single(c => c.Instance.Name == "attention_d128");
        Assert.That(attention.Cost.Flops, Is.EqualTo(4L * 2 * 1025 * 1100 * 28 * 128));
        Assert.That(attention.Cost.Bytes, Is.EqualTo(2 * 2L * 128 * (2050 * 28 + 2 * 1100 * 4)));
    }

    [Test]
    public void A_row_follows_from_time_and_cost()
    {
        // An H100 SXM at its 1.83 GHz: 989 TFLOP/s by NVIDIA's own count.
        var roofline = Roofline.Of(3e12, 90, 132, 1.83e9);
        Assert.That(roofline.TensorFlopsPerSecond, Is.EqualTo(989e12).Within(0.5).Percent);
        var product = Cases.Single(c => c.Name == "matmul_bf16 llm qkv 2050 x 4608 x 3584");
        var row = KernelRow.Of(product, 100e-6, roofline);
        Assert.That(row.Microseconds, Is.EqualTo(100).Within(1e-9));
        Assert.That(row.TeraflopsPerSecond, Is.EqualTo(677.1).Within(0.1));
        Assert.That(row.PercentOfBound, Is.EqualTo(68.4).Within(0.4));
        Assert.That(row.Bound, Is.EqualTo("compute"));

        var norm = Cases.First(c => c.Instance.Name == "rms_norm_bf16");
        var atTheBound = KernelRow.Of(norm, norm.Cost.Bytes / 3e12, roofline);
        Assert.That(atTheBound.PercentOfBound, Is.EqualTo(100).Within(1e-6));
        Assert.That(atTheBound.GigabytesPerSecond, Is.EqualTo(3000).Within(1e-6));
        Assert.That(atTheBound.Bound, Is.EqualTo("memory"));
    }

    // A100: 108 x 1.41 GHz, 312 TFLOP/s; L40S: 142 x 2.52 GHz, 362; B200: 148 x 1.85 GHz, 2250.
    [TestCase(80, 108, 1.41, 312)]
    [TestCase(89, 142, 2.52, 366)]
    [TestCase(100, 148, 1.85, 2250)]
    public void Stated_peaks_are_those_of_the_data_sheets(int capability, int multiprocessors, double gigahertz, double teraflops) =>
        Assert.That(Roofline.Of(1, capability, multiprocessors, gigahertz * 1e9).TensorFlopsPerSecond, Is.EqualTo(teraflops * 1e12).Within(1).Percent);
}
