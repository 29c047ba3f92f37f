using NUnit.Framework;
using Tuna2.Cli;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>tuna2 tune, as far as it goes without a GPU.</summary>
public class CudaTuningTests
{
    private static readonly string _demo = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes");

    /// <summary>What is tuned is what a step runs: no product of the graph that cuBLASLt computes is missing, and none is made up.</summary>
    [TestCase("models/tuna2-shapes", 1)]
    [TestCase("models/tuna2-shapes", 2, WeightFormat.Fp8)]
    [TestCase("tests/fixtures/tunar-tiny", 1)]
    [TestCase("tests/fixtures/tunar-tiny", 3)]
    public async Task The_products_are_those_of_a_step(string directory, int batch, WeightFormat weights = WeightFormat.Stored)
    {
        SeededWeights.MakeTunaR();
        using var model = await TunaModel.LoadAsync(Path.Combine(Fixtures.Repository, directory), new() { Device = "cpu", Weights = weights });
        var grid = new Grid(1, 64 / model.Config.PatchSize, 64 / model.Config.PatchSize);
        var layout = PromptLayout.TextToImage(model.Tokens, [1, 2, 3], grid);
        var ofGraphs = new HashSet<string>();
        foreach (var branches in new[] { 1, 2 })
        {
            var plan = new DenoisePlan([.. Enumerable.Repeat(layout, branches)], 64, 64, 2, SamplerKind.Euler, new Guidance(branches == 1 ? 1 : 3));
            DenoisePlan[] plans = [.. Enumerable.Repeat(plan, batch)];
            using var predictor = new PrefixPredictor(model.Network, model.Backend, PredictorRoom.Of(plans));
            predictor.Begin(plans, CancellationToken.None);
            predictor.Start([.. Enumerable.Repeat(new float[64 * 64 * 3], batch)]);
            predictor.Evaluate(CancellationToken.None);
            var ops = predictor.Graphs.Last().Graph.Ops;
            foreach (var product in ops.OfType<MatMul>().Where(o => o.Gate is null && o.Activation != Activation.Gelu))
                ofGraphs.Add($"{product.Input.Rows.Value}x{product.Weight.Rows}x{product.Input.Columns} {(product.Weight.Precision == Precision.Fp8 ? "e4m3 to bf16" : "bf16")}{(product.Bias is null ? "" : ", bias")}{(product.Activation == Activation.GeluTanh ? ", gelu_tanh" : "")}{(product.Residual is null ? "" : ", residual")}");
            foreach (var embedding in ops.OfType<PatchEmbedding>())
                ofGraphs.Add($"{embedding.Gathered.Rows.Value}x{embedding.Output.Columns}x{embedding.Gathered.Columns} bf16, bias, residual");
        }
        Assert.That(CudaTuning.Shapes(model.Config, 64, 64, batch, weights).Select(s => s.ToString()), Is.EquivalentTo(ofGraphs));
    }

    [TestCase(2, "--device", "cpu", "'cpu' is not a CUDA device")]
    [TestCase(2, "--width", "100", "100x64")]
    [TestCase(2, "--batch", "65", "batch must be 1 to 64, not 65")]
    [TestCase(2, "--weights", "int8", "int8: products with such weights are this engine's own kernels', which have nothing to tune")]
    [TestCase(1, "--device", "cuda:99", "")]
    public async Task What_cannot_be_tuned_is_one_line_and_no_file(int expected, string option, string value, string problem)
    {
        using var folder = new TemporaryDirectory();
        using StringWriter output = new(), error = new();
        var code = await Tuna2.Cli.Cli.RunAsync(["tune", folder.File("t.json"), "--model", _demo, option, value], new CliConsole(output, error));
        Assert.That(code, Is.EqualTo(expected), error.ToString());
        Assert.That(error.ToString().TrimEnd(), Does.StartWith("tuna2: ").And.Contains(problem).And.Not.Contains("\n"));
        Assert.That(Directory.EnumerateFileSystemEntries(folder.Path), Is.Empty);
    }

    [Test]
    public void Eight_bit_floats_are_tuned_where_cuBLASLt_multiplies_them()
    {
        using (var rig = new CublasLtRig())
            Assert.That(() => CudaTuning.Check(WeightFormat.Fp8, rig.Lt), Throws.TypeOf<DeviceException>()
                .With.Message.StartsWith("fp8: cuBLASLt 12.4.5 on Fake GPU 0, compute capability 9.0, has no products").And.Message.Contains("nothing to tune"));
        using (var rig = new CublasLtRig(arrange: (_, fake) => fake.SetVersion(120900)))
            Assert.That(() => CudaTuning.Check(WeightFormat.Fp8, rig.Lt), Throws.Nothing);
    }

    [Test]
    public void A_tuning_is_not_for_the_CPU() => Assert.That(
        () => DeviceSelection.Open(new() { Device = "cpu", Tuning = "t.json" }), Throws.TypeOf<RequestException>().With.Message.StartsWith("t.json: a tuning is for a CUDA device"));
}
