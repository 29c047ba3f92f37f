using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Tests.Native;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Products by cuBLASLt, with one that computes on the host.</summary>
public class CublasLtTests
{
    private const int InvalidValue = 7, InternalError = 14, NotSupported = 15;

    private static readonly ProductShape _shape = new(19, 24, 40, ElementType.BF16, ElementType.BF16, Bias: true, Residual: true);

    [Test]
    public void Agrees_with_the_CPU(
        [Values(ElementType.BF16, ElementType.F32)] ElementType element, [Values] bool wide, [Values] bool bias, [Values] bool residual,
        [Values("5x1x8", "17x63x24", "129x65x264", "989x33x8")] string size)
    {
        var output = wide ? ElementType.F32 : element;
        if (output != element && residual)
            Assert.Ignore("no layer adds a residual in another type");
        var numbers = size.Split('x').Select(int.Parse).ToArray();
        using var rig = new CublasLtRig();
        using var product = rig.Case(new(numbers[0], numbers[1], numbers[2], element, output, bias, residual));
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        var comparison = Comparison.Of(product.Result, product.OnCpu(), numbers[1]);
        Assert.That(comparison.Within(output == ElementType.BF16 ? 2 * Comparison.BF16Noise : 1e-6), comparison.ToString());
        Assert.That(rig.Fake.LastStream, Is.EqualTo(rig.Gpu.Stream.Handle));
    }

    [Test]
    public void The_residual_may_be_the_output()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape, inPlace: true);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), _shape.N).Within(Comparison.BF16Noise));
    }

    [TestCase(ElementType.BF16, 68)]
    [TestCase(ElementType.F32, 69)]
    public void Float32_is_computed_in_nothing_narrower(ElementType element, int compute)
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape with { Element = element, Output = element });
        rig.Products.TryRun(product.Product, "node");
        Assert.That(rig.Fake.LastCompute, Is.EqualTo(compute));
    }

    /// <summary>36 is CUBLASLT_EPILOGUE_GELU_BIAS, 32 CUBLASLT_EPILOGUE_GELU.</summary>
    [TestCase(false, Activation.None, 1)]
    [TestCase(true, Activation.None, 4)]
    [TestCase(false, Activation.GeluTanh, 32)]
    [TestCase(true, Activation.GeluTanh, 36)]
    public void Bias_and_activation_are_one_number(bool bias, Activation activation, int epilogue)
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape with { Bias = bias, Residual = false, Activation = activation });
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(rig.Fake.LastEpilogue, Is.EqualTo(epilogue));
        var comparison = Comparison.Of(product.Result, product.OnCpu(), _shape.N);
        Assert.That(comparison.Within(2 * Comparison.BF16Noise), comparison.ToString());
    }

    /// <summary>The exact form it lacks; behind its own it adds nothing; and nobody says how near its tanh is.</summary>
    [Test]
    public void Activations_it_has_not_or_not_so_are_left_to_our_kernel()
    {
        using var rig = new CublasLtRig();
        foreach (var shape in new[]
        {
            _shape with { Activation = Activation.Gelu, Residual = false },
            _shape with { Activation = Activation.GeluTanh },
            _shape with { Activation = Activation.GeluTanh, Residual = false, Element = ElementType.F32, Output = ElementType.F32 },
        })
        {
            using var product = rig.Case(shape);
            Assert.That(rig.Products.TryRun(product.Product, "node"), Is.False, shape.ToString());
            Assert.That(rig.Products.TryPrepare(product.Product, "node"), Is.False, shape.ToString());
        }
        Assert.That(rig.Fake.Products, Is.Zero);
    }

    [Test]
    public void A_bias_that_bfloat16_would_round_is_left_to_our_kernel()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape, b => MathF.BitIncrement(b));
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.False);
        Assert.That(product.Result, Is.All.NaN, "nothing was done");

        using var wide = rig.Case(_shape with { Output = ElementType.F32, Residual = false }, b => MathF.BitIncrement(b));
        Assert.That(rig.Products.TryRun(wide.Product, "node"), Is.True, "a float32 output takes it as it is");
        Assert.That(Comparison.Of(wide.Result, wide.OnCpu(), _shape.N).Within(1e-6));
    }

    [Test]
    public void Few_rows_and_odd_addresses_are_left_to_our_kernels()
    {
        using var rig = new CublasLtRig();
        using var few = rig.Case(_shape with { M = Gemv.MaxRows });
        Assert.That(rig.Products.TryRun(few.Product, "node"), Is.False);
        using var product = rig.Case(_shape);
        var p = product.Product;
        foreach (var odd in new[] { p with { X = p.X + 8 }, p with { W = p.W + 8 }, p with { Y = p.Y + 8 }, p with { Residual = p.Residual + 8 } })
            Assert.That(rig.Products.TryRun(odd, "node"), Is.False);
        Assert.That(rig.Fake.Products, Is.Zero);
    }

    [Test]
    public void What_cuBLASLt_has_no_algorithm_for_is_left_to_our_kernel_and_asked_once()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape);
        rig.Fake.Fail("cublasLtMatmulAlgoGetHeuristic", NotSupported);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.False);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.False);
        Assert.That(rig.Fake.Calls.Count(c => c == "cublasLtMatmulAlgoGetHeuristic"), Is.EqualTo(1));
    }

    /// <summary>What a graph capture allows: no memory, no waiting, nothing but the product.</summary>
    [Test]
    public void A_product_seen_before_does_nothing_but_itself()
    {
        using var rig = new CublasLtRig();
        using ProductCase first = rig.Case(_shape), second = rig.Case(_shape);
        rig.Products.TryRun(first.Product, "node");
        rig.Products.TryRun(second.Product, "node");
        var (ours, drivers) = (rig.Fake.Calls.Count, rig.Driver.Calls.Count);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Products.TryRun(first.Product, "node");
        rig.Products.TryRun(second.Product, "node");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(rig.Fake.Calls.Skip(ours), Is.EqualTo(new[] { "cublasLtMatmulDescSetAttribute", "cublasLtMatmul", "cublasLtMatmulDescSetAttribute", "cublasLtMatmul" }));
        Assert.That(rig.Driver.Calls.Skip(drivers), Is.All.AnyOf("cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2"));
    }

    [Test]
    public void A_capture_takes_only_products_that_were_made_ready_and_ran_once()
    {
        using var rig = new CublasLtRig();
        using ProductCase plain = rig.Case(_shape), captured = rig.Case(_shape);
        rig.Products.Prepare(captured.Product.Bias!);
        Assert.That(Capture, Throws.TypeOf<DeviceException>().With.Message.EqualTo($"the product {_shape} at node was not made ready before the capture"));
        rig.Products.TryPrepare(captured.Product, "node");
        Assert.That(Capture, Throws.TypeOf<DeviceException>().With.Message.Contains("CUBLAS_STATUS_EXECUTION_FAILED"), "its kernel is not loaded");
        Assert.That(rig.Products.TryWarm(captured.Product, "node"), Is.True);
        var runs = rig.Fake.Products;
        Assert.That(rig.Products.TryWarm(captured.Product, "node"), Is.True);
        Assert.That(rig.Fake.Products, Is.EqualTo(runs), "it ran before");
        using var graph = Capture();
        Assert.That(rig.Fake.Products, Is.EqualTo(runs), "nothing ran yet");
        Assert.That(rig.Gpu.Stream.IsCapturing, Is.False);
        rig.Products.TryRun(plain.Product, "node");
        graph.Launch(rig.Gpu.Stream);
        graph.Launch(rig.Gpu.Stream);
        Assert.That(rig.Fake.Products, Is.EqualTo(runs + 3));
        Assert.That(captured.Result, Is.EqualTo(plain.Result));

        CudaGraph Capture() => CudaGraph.Capture(rig.Gpu.Stream, "test", () => rig.Products.TryRun(captured.Product, "node"));
    }

    [Test]
    public void Going_through_beforehand_queues_nothing_and_leaves_nothing_to_do()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape);
        rig.Products.Prepare(product.Product.Bias!);
        var copies = rig.Driver.Calls.Count(c => c.Contains("Memcpy", StringComparison.Ordinal));
        Assert.That(rig.Products.TryPrepare(product.Product, "node"), Is.True);
        Assert.That(rig.Fake.Products, Is.Zero);
        var ours = rig.Fake.Calls.Count;
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(rig.Fake.Calls.Skip(ours), Is.EqualTo(new[] { "cublasLtMatmulDescSetAttribute", "cublasLtMatmul" }));
        Assert.That(rig.Driver.Calls.Count(c => c.Contains("Memcpy", StringComparison.Ordinal)), Is.EqualTo(copies));
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), _shape.N).Within(Comparison.BF16Noise));
    }

    [Test]
    public void Products_of_a_shape_share_its_plan()
    {
        using var rig = new CublasLtRig();
        var cases = Enumerable.Range(0, 24).Select(i => rig.Case(_shape with { M = 5 + i % 6 })).ToArray();
        foreach (var one in cases)
        {
            rig.Products.TryRun(one.Product, "node");
            Assert.That(Comparison.Of(one.Result, one.OnCpu(), _shape.N).Within(Comparison.BF16Noise));
            one.Dispose();
        }
        Assert.That(rig.Fake.Live, Is.EqualTo(1 + 4 * 6), "the handle; a description and three layouts each");
    }

    [Test]
    public void A_library_newer_than_the_driver_is_refused()
    {
        using var driver = new FakeDriver();
        using var fake = new FakeCublasLt(driver);
        fake.SetVersion(130002);
        Assert.That(() => CublasLtLibrary.Load(driver.Load(), fake.Path), Throws.TypeOf<DeviceException>()
            .With.Message.EqualTo($"{fake.Path}: cuBLASLt 13.0.2 needs a newer driver than this one, which serves CUDA 12.4"));
        using var folder = new TemporaryDirectory();
        folder.Write("libcublasLt.so.13", File.ReadAllBytes(fake.Path));
        Assert.That(CublasLtLibrary.Find(driver.Load(), folder.Path).Path, Is.Null, "not even looked at");
        Assert.That(CublasLtLibrary.Find(null, folder.Path).Path, Is.Not.Null);
    }

    [Test]
    public void A_shape_has_one_algorithm_wherever_its_operands_lie()
    {
        using var rig = new CublasLtRig();
        using var room = rig.Gpu.Memory.Allocate(1 << 16, "room");
        var plain = new ProductShape(6, 8, 8, ElementType.F32, ElementType.F32, false, false);
        for (ulong offset = 0; offset < 256; offset += 16)
            Assert.That(rig.Products.TryRun(new(plain, room.Address + offset, room.Address + 8192 + offset, room.Address + 16384 + offset, null, 0), "node"), Is.True);
        Assert.That(rig.Fake.Calls.Count(c => c == "cublasLtMatmulAlgoGetHeuristic"), Is.EqualTo(1));
    }

    [Test]
    public void A_failed_call_names_itself_the_product_and_the_node()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape);
        foreach (var (call, status, name) in new[]
        {
            ("cublasLtMatrixLayoutCreate", InvalidValue, "CUBLAS_STATUS_INVALID_VALUE (7, an unsupported value)"),
            ("cublasLtMatmulAlgoGetHeuristic", InternalError, "CUBLAS_STATUS_INTERNAL_ERROR (14, an internal operation failed)"),
            ("cublasLtMatmul", InternalError, "CUBLAS_STATUS_INTERNAL_ERROR (14, an internal operation failed)"),
        })
        {
            rig.Fake.Fail(call, status);
            Assert.That(() => rig.Products.TryRun(product.Product, "layers.3.mlp"), Throws.TypeOf<DeviceException>().With.Message.EqualTo(
                $"cuda:0: {name} in {call}, product 19x24x40 bf16, bias, residual, node layers.3.mlp"));
        }
        Assert.That(rig.Products.TryRun(product.Product, "layers.3.mlp"), Is.True, "nothing is lost by it");
    }

    [Test]
    public void A_lost_device_is_reported_as_that_with_the_product_before_it()
    {
        using var rig = new CublasLtRig();
        using var product = rig.Case(_shape);
        rig.Products.TryRun(product.Product, "first");
        rig.Driver.Fail("cuMemGetInfo_v2", 700);
        rig.Fake.Fail("cublasLtMatmul", InternalError);
        Assert.That(() => rig.Products.TryRun(product.Product, "second"), Throws.TypeOf<DeviceException>()
            .With.Message.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700").And.Message.EndsWith("after launching product 19x24x40 bf16, bias, residual, node first"));
    }

    [Test]
    public void Plans_are_bounded_and_remade()
    {
        using var rig = new CublasLtRig();
        using var room = rig.Gpu.Memory.Allocate(1 << 18, "room");
        for (var m = 5; m < CublasLtProducts.MaxPlans + 50; m++)
            Assert.That(rig.Products.TryRun(new(new(m, 8, 8, ElementType.F32, ElementType.F32, false, false), room.Address, room.Address + 65536, room.Address + 131072, null, 0), "node"), Is.True);
        Assert.That(rig.Fake.Live, Is.EqualTo(1 + 4 * CublasLtProducts.MaxPlans));
        using var product = rig.Case(new(5, 8, 8, ElementType.F32, ElementType.F32, false, false));
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), 8).Within(1e-6));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Every_call_may_fail_and_nothing_is_left(bool forever)
    {
        IReadOnlyList<string> calls;
        using (var driver = new FakeDriver())
        using (var fake = new FakeCublasLt(driver))
        {
            Everything(driver, fake);
            calls = fake.Calls;
            AssertNothingLeft(driver, fake, "a run without failures");
        }
        Assert.That(calls, Has.Count.GreaterThan(20));
        for (var n = 1; n <= calls.Count; n++)
        {
            var where = $"call {n}, {calls[n - 1]}, {(forever ? "for good" : "once")}";
            using var driver = new FakeDriver();
            using var fake = new FakeCublasLt(driver);
            fake.Fail("", InternalError, n, forever);
            var message = "";
            try
            {
                Everything(driver, fake);
            }
            catch (DeviceException e)
            {
                message = e.Message;
            }
            // Failures of disposal are silent.
            if (calls[n - 1].EndsWith("Destroy", StringComparison.Ordinal) && message.Length == 0)
                continue;
            Assert.That(message, Does.Contain("CUBLAS_STATUS_INTERNAL_ERROR (14"), where);
            AssertNothingLeft(driver, fake, where);
        }
    }

    [Test]
    public void A_library_that_is_missing_says_where_it_was_looked_for()
    {
        using var folder = new TemporaryDirectory();
        Assert.That(() => CublasLtLibrary.Load(path: folder.Path), Throws.TypeOf<DeviceException>().With.Message.StartsWith("cuBLASLt not found: no ").And.Message.Contains(folder.Path));
    }

    [Test]
    public void Its_version_is_that_of_its_number()
    {
        using var driver = new FakeDriver();
        using var fake = new FakeCublasLt(driver);
        Assert.That(fake.Load().Version, Is.EqualTo("12.4.5"));
        fake.SetVersion(130002);
        Assert.That(fake.Load().Version, Is.EqualTo("13.0.2"));
    }

    private static void Everything(FakeDriver driver, FakeCublasLt fake)
    {
        using var gpu = new FakeGpu(driver);
        using var lt = new CublasLtHandle(gpu.Context, fake.Load());
        using var products = new CublasLtProducts(lt, gpu.Stream, gpu.Memory);
        using var room = gpu.Memory.Allocate(1 << 16, "room");
        gpu.Memory.Upload(new byte[1 << 16], room, 0);
        var bias = new Weight(["bias"], 1, 8, Precision.F32, room, 0);
        foreach (var element in new[] { ElementType.BF16, ElementType.F32 })
            products.TryRun(new(new(6, 8, 8, element, element, true, true), room.Address, room.Address + 8192, room.Address + 16384, bias, room.Address + 32768), "node");
        products.TryRun(new(new(6, 8, 8, ElementType.F32, ElementType.F32, false, false), room.Address, room.Address + 8192, room.Address + 16384, null, 0), "node");
    }

    private static void AssertNothingLeft(FakeDriver driver, FakeCublasLt fake, string where) => Assert.Multiple(() =>
    {
        Assert.That(fake.Live, Is.Zero, where);
        Assert.That(driver.Live, Is.Zero, where);
        Assert.That(driver.Retained, Is.Zero, where);
        Assert.That(driver.Depth, Is.Zero, where);
    });
}
