using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Timed algorithms: found, stored, used where they were found and nowhere else.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProductTuningTests : IDisposable
{
    private static readonly ProductShape _shape = new(19, 24, 40, ElementType.BF16, ElementType.BF16, Bias: true, Residual: true);

    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The fastest of all is wrong in the last row: the next is taken.</summary>
    [Test]
    public void The_fastest_that_agrees_is_found_stored_and_used()
    {
        var path = Tuned();
        using var rig = new CublasLtRig(ProductTuning.Read(path));
        using var product = rig.Case(_shape);
        Assert.That(rig.Products.TryRun(product.Product, "node"), Is.True);
        Assert.That(rig.Fake.LastAlgorithm, Is.EqualTo(1));
        Assert.That(Comparison.Of(product.Result, product.OnCpu(), _shape.N).Within(Comparison.BF16Noise));

        using var other = rig.Case(_shape with { M = 20 });
        rig.Products.TryRun(other.Product, "node");
        Assert.That(rig.Fake.LastAlgorithm, Is.Zero, "what was not tuned is advised");
    }

    /// <summary>What follows a product is part of what an algorithm was timed for.</summary>
    [Test]
    public void An_activation_is_stored_with_its_product()
    {
        var path = _folder.File("activated.json");
        var activated = _shape with { Residual = false, Activation = Activation.GeluTanh };
        using var rig = new CublasLtRig();
        cublasLtMatmulAlgo_t algorithm = default;
        algorithm[0] = 7;
        ProductTuning.Write(path, rig.Lt, [new(activated, algorithm, 1, 2)]);
        var tuning = ProductTuning.Read(path);
        Assert.That(tuning.Find(activated)?[0], Is.EqualTo(7));
        Assert.That(tuning.Find(activated with { Activation = Activation.None }), Is.Null);
    }

    [Test]
    public void A_tuning_is_named_with_its_hash()
    {
        using var plain = new CublasLtRig();
        Assert.That(plain.Products.Tuning, Is.EqualTo("cuBLASLt 12.4.5, heuristic"));
        var tuning = ProductTuning.Read(Tuned());
        using var rig = new CublasLtRig(tuning);
        Assert.That(rig.Products.Tuning, Does.Match("^cuBLASLt 12.4.5, tuned.json \\(sha256 [0-9a-f]{12}\\)$"));
        Assert.That(tuning.Count, Is.EqualTo(1));
    }

    [Test]
    public void A_tuning_of_another_GPU_or_library_is_refused()
    {
        var path = Tuned();
        Assert.That(() => new CublasLtRig(ProductTuning.Read(path), (_, fake) => fake.SetVersion(130002)), Throws.TypeOf<DeviceException>()
            .With.Message.EqualTo("tuned.json: tuned on Fake GPU 0 with cuBLASLt 120405, this is Fake GPU 0 with 130002; tune again"));
        var foreign = _folder.Write("foreign.json", System.Text.Encoding.UTF8.GetBytes(File.ReadAllText(path).Replace("Fake GPU 0", "Fake GPU 7", StringComparison.Ordinal)));
        Assert.That(() => new CublasLtRig(ProductTuning.Read(foreign)), Throws.TypeOf<DeviceException>().With.Message.Contains("tuned on Fake GPU 7"));
    }

    [Test]
    public void An_algorithm_that_does_not_fit_is_an_error_not_another_result()
    {
        var path = _folder.Write("odd.json", System.Text.Encoding.UTF8.GetBytes(File.ReadAllText(Tuned()).Replace("\"m\": 19", "\"m\": 21", StringComparison.Ordinal)));
        using var rig = new CublasLtRig(ProductTuning.Read(path));
        using var product = rig.Case(_shape with { M = 21 });
        Assert.That(() => rig.Products.TryRun(product.Product, "node"), Throws.TypeOf<DeviceException>()
            .With.Message.EqualTo("odd.json: cuBLASLt refuses the algorithm for 21x24x40 bf16, bias, residual; tune again"));
    }

    [TestCase("", "not a tuning")]
    [TestCase("{}", "not a tuning")]
    [TestCase("""{"format":1}""", "another format than 2")]
    [TestCase("""{"format":2,"gpu":"g","cublaslt":1,"products":[{"m":1}]}""", "not a tuning")]
    [TestCase("""{"format":2,"gpu":"g","cublaslt":1,"products":[{"m":1,"n":1,"k":1,"element":"f16","output":"f32","bias":false,"residual":false,"activation":"none","algorithm":"00"}]}""", "'f16' is no element type")]
    [TestCase("""{"format":2,"gpu":"g","cublaslt":1,"products":[{"m":1,"n":1,"k":1,"element":"f32","output":"f32","bias":false,"residual":false,"activation":"none","algorithm":"00"}]}""", "an algorithm of 2 digits")]
    [TestCase("""{"format":2,"gpu":"g","cublaslt":1,"products":[{"m":5,"n":16,"k":16,"element":"e4m3","output":"e4m3","bias":false,"residual":false,"activation":"none","algorithm":"00"}]}""", "5x16x16 e4m3 is no product of cuBLASLt's")]
    public void What_is_no_tuning_is_one_line_that_names_the_file(string content, string problem)
    {
        var path = _folder.Write("bad.json", System.Text.Encoding.UTF8.GetBytes(content));
        Assert.That(() => ProductTuning.Read(path), Throws.TypeOf<RequestException>().With.Message.StartsWith(path).And.Message.Contains(problem).And.Message.Not.Contains("\n"));
    }

    [Test]
    public void A_missing_file_is_named() =>
        Assert.That(() => ProductTuning.Read(_folder.File("none.json")), Throws.TypeOf<RequestException>().With.Message.EndsWith("none.json: no such file"));

    [Test]
    public void Tuning_takes_the_devices_clock_and_leaves_nothing()
    {
        using var rig = new CublasLtRig();
        using (var room = rig.Gpu.Memory.Allocate(1, "room"))
            for (var i = 0; i < 2; i++)
                rig.Gpu.Memory.Upload([1], room, 0); // the pinned memory that copies go through stays
        var (live, drivers) = (rig.Fake.Live, rig.Driver.Live);
        var tuned = new ProductTuner(rig.Lt, rig.Gpu.Queue).Tune(_shape with { Element = ElementType.F32, Output = ElementType.F32 }, CancellationToken.None)!;
        Assert.That(tuned.Microseconds, Is.EqualTo(150).Within(0.01), "1.5 ms for 10 launches, says the fake driver");
        Assert.That(rig.Fake.Live, Is.EqualTo(live));
        Assert.That(rig.Driver.Live, Is.EqualTo(drivers));

        rig.Fake.SetOffered(0);
        Assert.That(new ProductTuner(rig.Lt, rig.Gpu.Queue).Tune(_shape, CancellationToken.None), Is.Null);
        rig.Fake.SetOffered(4);
        rig.Fake.Fail("cublasLtMatmul", 14, nth: 5);
        Assert.That(() => new ProductTuner(rig.Lt, rig.Gpu.Queue).Tune(_shape, CancellationToken.None), Throws.TypeOf<DeviceException>());
        Assert.That(rig.Driver.Live, Is.EqualTo(drivers));
    }

    private string Tuned()
    {
        using var rig = new CublasLtRig();
        var tuner = new ProductTuner(rig.Lt, rig.Gpu.Queue, queue =>
        {
            queue();
            return rig.Fake.LastAlgorithm switch { 0 => 3, 1 => 2, _ => 1 };
        });
        var path = _folder.File("tuned.json");
        ProductTuning.Write(path, rig.Lt, [tuner.Tune(_shape, CancellationToken.None)!]);
        return path;
    }
}
