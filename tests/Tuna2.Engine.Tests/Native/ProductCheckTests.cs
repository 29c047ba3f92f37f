using NUnit.Framework;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cuda;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What bench/gpu asks of the products' kernels before it times them, asked of the host runner.</summary>
public class ProductCheckTests
{
    private static readonly string[] _sources = ["matmul.cu", "matmul_hopper.cu", "matmul_f32.cu", "gemv.cu"];

    [Test]
    public void Every_instance_is_right_at_sizes_that_fit_no_tile()
    {
        var checks = ProductCheck.Run(new HostRunner(), new HostDeviceMemory(), HostTensorMaps.Hopper).ToList();
        Assert.That(checks.Where(c => !c.Passed), Is.Empty);
        Assert.That(checks.Select(c => c.Kernel).Distinct(), Is.EquivalentTo(KernelCatalog.Instances.Where(k => _sources.Contains(k.Source)).Select(k => k.Name)));
        Assert.That(checks.Select(c => c.RelativeError), Is.All.LessThan(0.01));
    }

    /// <summary>Another kernel in place of the one asked for: one whose epilogue does something else, and one that does nothing.</summary>
    [TestCase("matmul_bf16", "matmul_bf16_gelu", 10)]
    [TestCase("matmul_bf16_gelu_tanh", "matmul_bf16", 10)]
    [TestCase("gemv_f32_gelu", "gemv_f32_gelu_tanh", 6)]
    [TestCase("matmul_f32_swiglu", null, 5)]
    [TestCase("matmul_hopper", null, 10)]
    public void A_kernel_that_is_wrong_fails(string kernel, string? instead, int checks) => Assert.That(
        ProductCheck.Run(new Replacing(instead), new HostDeviceMemory(), HostTensorMaps.Hopper, name => name == kernel).Select(c => c.Passed), Is.EqualTo(Enumerable.Repeat(false, checks)));

    [Test]
    public void CuBLASLts_products_are_checked_too_where_it_has_them()
    {
        foreach (var (version, elements) in new[] { (120405, new[] { "cublaslt_bf16" }), (120900, ["cublaslt_bf16", "cublaslt_e4m3"]) })
        {
            using var rig = new CublasLtRig(arrange: (_, fake) => fake.SetVersion(version));
            var checks = Checks(rig.Products);
            Assert.That(checks.Where(c => !c.Passed), Is.Empty);
            Assert.That(checks.Select(c => c.Kernel), Is.EqualTo(elements.SelectMany(e => Enumerable.Repeat(e, 8))));
            Assert.That(rig.Fake.Products, Is.EqualTo(checks.Count));
            rig.Fake.SetOffered(0);
            using var none = new CublasLtProducts(rig.Lt, rig.Gpu.Stream, rig.Gpu.Memory);
            Assert.That(Checks(none).Select(c => c.Passed), Is.All.False, "what it has no algorithm for has not passed");

            List<ProductCheck> Checks(CublasLtProducts products) =>
                [.. ProductCheck.Run(new Replacing(null), rig.Gpu.Memory, null, name => name.StartsWith("cublaslt", StringComparison.Ordinal), products)];
        }
    }

    private sealed class Replacing(string? instead) : ILauncher
    {
        private readonly HostRunner _runner = new();

        public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node)
        {
            if (instead is not null)
                _runner.Launch(KernelCatalog.Get(instead), shape, arguments, node);
        }
    }
}
