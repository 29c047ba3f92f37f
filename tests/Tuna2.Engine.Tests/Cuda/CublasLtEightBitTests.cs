using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Products of eight-bit floats by cuBLASLt, with one that computes on the host.</summary>
public class CublasLtEightBitTests
{
    private const int First = 120900, InternalError = 14, NotSupported = 15;

    private static readonly ProductShape _shape = new(19, 48, 80, ElementType.E4M3, ElementType.BF16, Bias: true, Residual: true);

    [Test]
    public void Agrees_with_the_CPU([Values] bool bias, [Values] bool residual, [Values("5x16x16", "17x64x48", "129x80x272", "989x32x16")] string size)
    {
        var numbers = size.Split('x').Select(int.Parse).ToArray();
        using var rig = Rig();
        using var product = rig.Case(_shape with { M = numbers[0], N = numbers[1], K = numbers[2], Bias = bias, Residual = residual });
        Assert.That(rig.Products.Has(product.Product.Shape), Is.True);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        var comparison = Comparison.Of(product.Result, product.OnCpu(), numbers[1]);
        Assert.That(comparison.Within(2 * Comparison.BF16Noise), comparison.ToString());
        Assert.That(rig.Fake.LastType, Is.EqualTo((int)cudaDataType_t.CUDA_R_8F_E4M3));
        Assert.That(rig.Fake.LastCompute, Is.EqualTo((int)cublasComputeType_t.CUBLAS_COMPUTE_32F));
        Assert.That(rig.Fake.LastFast, Is.Zero, "sums are float32 throughout");
    }

    /// <summary>What the comparison above would not see if rows' scales were near one another: x's rows and w's differ by powers of two.</summary>
    [Test]
    public void Scales_of_x_are_not_those_of_w()
    {
        using var rig = Rig();
        using var product = rig.Case(_shape with { M = 48, Bias = false, Residual = false });
        var right = product.Product;
        Assert.That(rig.Products.TryRun(right with { XScales = right.WScales, WScales = right.XScales }, "node"), Is.True);
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), 48).Within(2 * Comparison.BF16Noise), Is.False);
    }

    [Test]
    public void The_residual_may_be_the_output()
    {
        using var rig = Rig();
        using var product = rig.Case(_shape, inPlace: true);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), _shape.N).Within(Comparison.BF16Noise));
    }

    [TestCase(120899, 90)]
    [TestCase(120405, 90)]
    [TestCase(First, 89)]
    [TestCase(130002, 100)]
    public void A_library_or_a_GPU_without_scales_of_rows_leaves_them_to_our_kernel(int version, int capability)
    {
        using var rig = new CublasLtRig(arrange: (driver, fake) =>
        {
            driver.SetCapability(capability);
            fake.SetVersion(version);
        });
        using var product = rig.Case(_shape);
        Assert.That(rig.Lt.HasRowScales, Is.False);
        Assert.That(rig.Products.Has(_shape), Is.False);
        Assert.That(rig.Products.TryPrepare(product.Product, "node"), Is.False);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.False);
        Assert.That(rig.Fake.Calls, Is.All.EqualTo("cublasLtCreate"), "it is not even asked");
        Assert.That(rig.Products.Tuning, Does.Not.Contain("e4m3"));
    }

    /// <summary>The library says no by itself, too: what is not asked for would be refused.</summary>
    [TestCase(120405, 90)]
    [TestCase(First, 80)]
    public void Such_a_library_would_refuse(int version, int capability)
    {
        using var rig = new CublasLtRig(arrange: (driver, fake) =>
        {
            driver.SetCapability(capability);
            fake.SetVersion(version);
        });
        using var room = rig.Gpu.Memory.Allocate(256, "room");
        using var _ = rig.Gpu.Context.Enter();
        Assert.That(() =>
        {
            using var plan = new ProductPlan(rig.Lt, _shape, room.Address, "node");
            return plan.Offered(1, rig.Lt.WorkspaceBytes, "node");
        }, version < First ? Throws.TypeOf<DeviceException>().With.Message.Contains("cublasLtMatmulDescSetAttribute, product 19x48x80 e4m3 to bf16, bias, residual, node node") : Is.Empty);
    }

    [Test]
    public void What_it_has_not_is_left_to_our_kernel()
    {
        using var rig = Rig();
        using var product = rig.Case(_shape);
        var p = product.Product;
        foreach (var shape in new[]
        {
            _shape with { M = Gemv.MaxRows }, _shape with { N = 40 }, _shape with { K = 72 }, _shape with { Output = ElementType.F32 }, _shape with { Activation = Activation.GeluTanh, Residual = false },
        })
        {
            Assert.That(rig.Products.Has(shape), Is.False, shape.ToString());
            Assert.That(rig.Products.TryRun(p with { Shape = shape }, "node"), Is.False, shape.ToString());
        }
        foreach (var odd in new[] { p with { X = p.X + 8 }, p with { W = p.W + 8 }, p with { XScales = p.XScales + 4 }, p with { WScales = p.WScales + 8 } })
            Assert.That(rig.Products.TryRun(odd, "node"), Is.False);
        rig.Fake.Fail("cublasLtMatmulAlgoGetHeuristic", NotSupported);
        Assert.That(rig.Products.TryRun(p, "node"), Is.False, "no algorithm");
        Assert.That(rig.Products.TryPrepare(p, "node"), Is.False, "nor later");
        Assert.That(rig.Fake.Products, Is.Zero);
    }

    /// <summary>Two layers of one shape share a plan: each has its own scales, in a graph too.</summary>
    [Test]
    public void Captured_products_of_a_shape_keep_their_own_scales()
    {
        using var rig = Rig();
        using ProductCase plain = rig.Case(_shape), first = rig.Case(_shape), second = rig.Case(_shape);
        var other = second.Product with { XScales = first.Product.WScales };
        rig.Products.Prepare(first.Product.Bias!);
        rig.Products.Prepare(other.Bias!);
        Assert.That(Capture, Throws.TypeOf<DeviceException>().With.Message.Contains($"the product {_shape} at node was not made ready before the capture"));
        Assert.That(rig.Products.TryPrepare(first.Product, "node"), Is.True);
        Assert.That(Capture, Throws.TypeOf<DeviceException>().With.Message.Contains("CUBLAS_STATUS_EXECUTION_FAILED"), "its kernel is not loaded");
        Assert.That(rig.Products.TryWarm(first.Product, "node"), Is.True);
        using var graph = Capture();
        rig.Products.TryRun(plain.Product, "node");
        graph.Launch(rig.Gpu.Stream);
        Assert.That(first.Result, Is.EqualTo(plain.Result));
        Assert.That(second.Result, Is.Not.EqualTo(plain.Result));

        CudaGraph Capture() => CudaGraph.Capture(rig.Gpu.Stream, "test", () =>
        {
            rig.Products.TryRun(first.Product, "node");
            rig.Products.TryRun(other, "node");
        });
    }

    [Test]
    public void A_product_seen_before_does_nothing_but_itself()
    {
        using var rig = Rig();
        using var product = rig.Case(_shape);
        rig.Products.TryPrepare(product.Product, "node");
        rig.Products.TryRun(product.Product, "node");
        var calls = rig.Fake.Calls.Count;
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Products.TryPrepare(product.Product, "node");
        rig.Products.TryRun(product.Product, "node");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(rig.Fake.Calls.Skip(calls), Is.EqualTo(new[] { "cublasLtMatmulDescSetAttribute", "cublasLtMatmulDescSetAttribute", "cublasLtMatmulDescSetAttribute", "cublasLtMatmul" }));
    }

    [Test]
    public void Every_call_may_fail_and_nothing_is_left([Values] bool forever)
    {
        IReadOnlyList<string> calls;
        using (var rig = Rig())
        {
            using var room = rig.Gpu.Memory.Allocate(1 << 16, "room");
            rig.Gpu.Memory.Upload(new byte[1 << 16], room, 0);
            rig.Products.TryRun(Product(room), "node");
            calls = rig.Fake.Calls;
        }
        Assert.That(calls.Count(c => c == "cublasLtMatmulDescSetAttribute"), Is.EqualTo(7 + 3), "when it is made, and when it runs");
        for (var n = 1; n <= calls.Count; n++)
        {
            var where = $"call {n}, {calls[n - 1]}";
            using var driver = new FakeDriver();
            using var fake = new FakeCublasLt(driver);
            fake.SetVersion(First);
            fake.Fail("", InternalError, n, forever);
            var message = "";
            try
            {
                using var gpu = new FakeGpu(driver);
                using var lt = new CublasLtHandle(gpu.Context, fake.Load());
                using var products = new CublasLtProducts(lt, gpu.Stream, gpu.Memory);
                using var room = gpu.Memory.Allocate(1 << 16, "room");
                gpu.Memory.Upload(new byte[1 << 16], room, 0);
                products.TryRun(Product(room), "node");
            }
            catch (DeviceException e)
            {
                message = e.Message;
            }
            // Failures of disposal are silent.
            if (!calls[n - 1].EndsWith("Destroy", StringComparison.Ordinal))
                Assert.That(message, Does.Contain("CUBLAS_STATUS_INTERNAL_ERROR (14"), where);
            else if (message.Length == 0)
                continue;
            Assert.That((fake.Live, driver.Live, driver.Retained, driver.Depth), Is.EqualTo((0, 0, 0, 0)), where);
        }

        static Product Product(IAddressable room) => new(
            new(6, 16, 16, ElementType.E4M3, ElementType.BF16, true, true), room.Address, room.Address + 4096, room.Address + 8192, new Weight(["bias"], 1, 16, Precision.F32, room, 0), room.Address + 12288,
            room.Address + 16384, room.Address + 20480);
    }

    [Test]
    public void The_fastest_algorithm_is_found_stored_with_its_types_and_used()
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File("tuned.json");
        using (var rig = Rig())
        {
            // The fastest of all is wrong in the last row: the next is taken.
            var tuner = new ProductTuner(rig.Lt, rig.Gpu.Queue, queue =>
            {
                queue();
                return rig.Fake.LastAlgorithm switch { 0 => 3, 1 => 2, _ => 1 };
            });
            ProductTuning.Write(path, rig.Lt, [tuner.Tune(_shape, CancellationToken.None)!]);
        }
        Assert.That(File.ReadAllText(path), Does.Contain("\"e4m3\""));
        var tuning = ProductTuning.Read(path);
        Assert.That(tuning.Find(_shape with { Element = ElementType.BF16 }), Is.Null);
        using var tuned = Rig(tuning);
        using var product = tuned.Case(_shape);
        Assert.That(tuned.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(tuned.Fake.LastAlgorithm, Is.EqualTo(1));
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), _shape.N).Within(Comparison.BF16Noise));
        Assert.That(tuned.Products.Tuning, Does.Match("^cuBLASLt 12.9.0 with e4m3, tuned.json \\(sha256 [0-9a-f]{12}\\)$"));
    }

    /// <summary>A pair that cuBLASLt makes stays two ops; our kernel joins it.</summary>
    [TestCase(First, Precision.Fp8, 64, 19, false)]
    [TestCase(First, Precision.Fp8, 72, 19, true)]
    [TestCase(First, Precision.Fp8, 64, Gemv.MaxRows, true)]
    [TestCase(First, Precision.Int8, 64, 19, true)]
    [TestCase(First, Precision.BF16, 64, 19, false)]
    [TestCase(120803, Precision.Fp8, 64, 19, true)]
    public void SwiGLU_is_joined_with_products_of_our_own(int version, Precision precision, int columns, int rows, bool joined)
    {
        using var rig = new CublasLtRig(arrange: (_, fake) => fake.SetVersion(version));
        var products = new CublasLtProducts(rig.Lt, rig.Gpu.Stream, rig.Gpu.Memory);
        using var backend = new KernelBackend(rig.Gpu.Launcher, rig.Gpu.Memory, ElementType.BF16, "cuda:0", products);
        using var room = rig.Gpu.Memory.Allocate(64, "room");
        var input = ModelGraph.Transient("x", new Extent("rows", rows), columns);
        var pair = ModelGraph.Transient("pair", input.Rows, 2 * 32);
        Assert.That(backend.FusesSwiGlu(new("gate_up", input, new Weight(["w"], 2 * 32, columns, precision, room, 0), pair)), Is.EqualTo(joined));
    }

    private static CublasLtRig Rig(ProductTuning? tuning = null) => new(tuning, (_, fake) => fake.SetVersion(First));
}
