using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Cli;
using Tuna2.Engine.Tests.Cuda;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>The demo model in eight and four bits and in eight-bit floats: near what it is as stored, and as large as it was said to be.</summary>
[CancelAfter(120_000)]
public class QuantizedModelTests
{
    private const int Seeds = 3;

    /// <summary>Under the worst of twenty seeds, which were 54.5 and 33.0 (bench/NOTES.md); int4 in place of int8 fails the first.</summary>
    [TestCase(WeightFormat.Int8, 48)]
    [TestCase(WeightFormat.Int4, 28)]
    [TestCase(WeightFormat.Fp8, 35)]
    public async Task Pictures_are_near_those_of_the_stored_weights(WeightFormat format, double floor, CancellationToken timeout)
    {
        using var stored = await DemoModel.LoadAsync();
        using var quantized = await LoadAsync(format);
        Assert.That(quantized.Weights, Is.EqualTo(format));
        for (var seed = 0; seed < Seeds; seed++)
        {
            var options = new ImageOptions { Seed = seed };
            var (expected, actual) = (await GenerateAsync(stored, options), await GenerateAsync(quantized, options));
            var psnr = ImageQuality.Psnr(expected.Image, actual.Image);
            TestContext.Out.WriteLine($"{format}, seed {seed}: {psnr:0.0} dB");
            Assert.That(psnr, Is.GreaterThan(floor));
            Assert.That(actual.Parameters.Weights, Is.EqualTo(format));
            Assert.That(GenerationParameters.Parse(actual.Parameters.ToJson()), Is.EqualTo(actual.Parameters));
            Assert.That(actual.Parameters.ToText(), Does.Contain($", Weights: {format.Name()}"));
            Assert.That(expected.Parameters.ToText() + expected.Parameters.ToJson(), Does.Not.Contain("eights"), "as stored is not worth a word");
        }

        async Task<GeneratedImage> GenerateAsync(TunaModel model, ImageOptions options)
        {
            using var session = model.CreateSession();
            return (await session.GenerateAsync(DemoModel.Prompt, options, null, timeout))[0];
        }
    }

    [Test]
    public async Task Answers_survive_eight_bits()
    {
        using var stored = await DemoModel.LoadAsync();
        using var quantized = await LoadAsync(WeightFormat.Int8);
        string[] questions = ["What color is the square?", "What shape is it?", "What is the background?", "Describe the image in detail.", "How large is the square?"];
        Assert.That(await Answers(quantized), Is.EqualTo(await Answers(stored)));

        async Task<List<string>> Answers(TunaModel model)
        {
            using var session = model.CreateSession();
            var answers = new List<string>();
            foreach (var question in questions)
                answers.Add(await session.AnswerAsync(question));
            return answers;
        }
    }

    [TestCase(WeightFormat.Int8)]
    [TestCase(WeightFormat.Int4)]
    public async Task The_weights_are_estimated_as_they_are_taken(WeightFormat format)
    {
        var machine = new MeteredBackend();
        using var model = await TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => new(machine) { Weights = format }, null, default);
        using var checkpoint = Checkpoint.Open(DemoModel.Directory);
        Assert.That(MemoryEstimate.WeightsAs(model.Config, checkpoint, format), Is.EqualTo(machine.Taken).And.EqualTo(model.WeightBytes));
        Assert.That(MemoryEstimate.Generate(model.Config, checkpoint, weights: format).WeightBytes, Is.EqualTo(model.WeightBytes));
        Assert.That(model.WeightBytes, Is.LessThan(MemoryEstimate.WeightsAs(model.Config, checkpoint, format - 1)));
    }

    [Test]
    public async Task The_check_before_loading_knows_the_format()
    {
        using var checkpoint = Checkpoint.Open(DemoModel.Directory);
        var least = MemoryEstimate.Least(ModelConfig.Load(Path.Combine(DemoModel.Directory, ModelConfig.FileName)), checkpoint, weights: WeightFormat.Int4);
        var machine = new MeteredBackend { AvailableBytes = least.TotalBytes - least.ProcessBytes };
        using (await TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => new(machine) { Weights = WeightFormat.Int4 }, null, default))
        {
        }
        var error = await Assert.ThrowsAsync<DeviceException>(() => TunaModel.LoadAsync(
            ModelFiles.Of(DemoModel.Directory), () => new(new MeteredBackend { AvailableBytes = machine.AvailableBytes }) { Weights = WeightFormat.Int8 }, null, default));
        Assert.That(error!.Message, Does.Contain("quantize the weights"));
    }

    [Test]
    public async Task A_weight_that_is_not_a_number_is_refused_by_name([Values(WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        const string Name = "diffusion_head_a.1.mlp.up_proj.weight";
        using var directory = new TemporaryDirectory();
        DemoModel.CopyWithoutWeights(directory);
        SafetensorsWriter.Write(directory.File("model.safetensors"), DemoModel.Weights((tensor, values) =>
        {
            if (tensor.Name == Name)
                values[5 * tensor.Shape[1] + 17] = float.NaN;
            return TensorData.FromFloat32(tensor.Name, tensor.Shape, values);
        }));
        var error = await Assert.ThrowsAsync<ModelException>(() => TunaModel.LoadAsync(directory.Path, new() { Device = "cpu", Weights = format }));
        Assert.That(error!.Message, Does.Contain(Name).And.Contain("(5, 17)").And.Contain("model.safetensors").And.Not.Contain("\n"));
    }

    [Test]
    public async Task A_picture_says_so_on_the_command_line_and_inspect_counts()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("a.png");
        (await CliRun.OfAsync(["generate", "a red circle", "--steps", "2", "--weights", "int4", "-o", path, "--device", "cpu"])).Succeeded();
        Assert.That(ImageRecipe.Read(path).Parameters!.Weights, Is.EqualTo(WeightFormat.Int4));
        (await CliRun.OfAsync(["generate", "a red circle", "--weights", "int5"])).Failed(2, "--weights", "int5", "stored, int8, int4");
        var inspected = (await CliRun.OfAsync(["inspect", "tuna_2_pixel_7b", "--weights", "int4"])).Succeeded();
        Assert.That(inspected.Out, Does.Contain("23.6 GiB as stored, ").And.Contain("weights int4"));
        using var json = JsonDocument.Parse((await CliRun.OfAsync(["inspect", "tuna_2_pixel_7b", "--weights", "int8", "--json"])).Succeeded().Out);
        var memory = json.RootElement.GetProperty("memory");
        Assert.That(memory.GetProperty("generate").GetProperty("weights_bytes").GetInt64(), Is.EqualTo(memory.GetProperty("weights_bytes_as").GetProperty("int8").GetInt64()).And.InRange(12_000_000_000, 14_000_000_000));
    }

    [Test]
    public async Task Random_weights_are_quantized_too()
    {
        var shape = WeightsManifest.Checkpoints.Single(c => c.Name == "tuna2-shapes");
        using var stored = await TunaModel.MakeRandomAsync(shape, new TunaModelOptions { Device = "cpu" });
        using var quantized = await TunaModel.MakeRandomAsync(shape, new TunaModelOptions { Device = "cpu", Weights = WeightFormat.Int8 });
        Assert.That(quantized.WeightBytes, Is.LessThan(0.6 * stored.WeightBytes));
        using var session = quantized.CreateSession();
        Assert.That(await session.GenerateAsync(DemoModel.Prompt, DemoModel.Short), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task In_float32_a_GPU_takes_the_weights_as_stored_only()
    {
        using var fake = new FakeDriver();
        var error = await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(
            ModelFiles.Of(DemoModel.Directory), () => FakeCuda.Open(fake, ComputeType.F32) with { Weights = WeightFormat.Int8 }, null, default));
        Assert.That(error!.Message, Does.Contain("int8").And.Contain("cuda:0").And.Contain("bf16"));
        FakeCuda.AssertNothingLeft(fake);
    }

    /// <summary>
    /// From the model to the kernels on the fake driver: prompt, steps and answer, beside the CPU's with the same weights. A bit of bfloat16 less is a step
    /// of an eight-bit float less: fp8 differs by as much as it rounds.
    /// </summary>
    [TestCase(WeightFormat.Int8, 38)]
    [TestCase(WeightFormat.Int4, 38)]
    [TestCase(WeightFormat.Fp8, 30)]
    public async Task Kernels_compute_what_the_CPU_does(WeightFormat format, double floor, CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using var cpu = await LoadAsync(format);
        using (var gpu = await TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => FakeCuda.Open(fake, ComputeType.BF16) with { Weights = format }, null, timeout))
        {
            var options = new ImageOptions { Width = 32, Height = 32, Steps = 2, Seed = 3 };
            var psnr = ImageQuality.Psnr((await Picture(cpu, options)).Image, (await Picture(gpu, options)).Image);
            TestContext.Out.WriteLine($"{psnr:0.0} dB");
            Assert.That(psnr, Is.GreaterThan(floor));
            Assert.That(await Answer(gpu), Is.EqualTo(await Answer(cpu)));
        }
        FakeCuda.AssertNothingLeft(fake);

        async Task<GeneratedImage> Picture(TunaModel model, ImageOptions options)
        {
            using var session = model.CreateSession();
            return (await session.GenerateAsync(DemoModel.Prompt, options, null, timeout))[0];
        }

        async Task<string> Answer(TunaModel model)
        {
            using var session = model.CreateSession();
            return await session.AnswerAsync("What color is the square?", new() { MaxTokens = 4 });
        }
    }

    /// <summary>
    /// fp8 by cuBLASLt's products of bytes, captured and not: the same bits; near the CPU's; and with a library or a GPU that lacks them by our own kernels,
    /// which the parameters tell from the other way.
    /// </summary>
    [TestCase(120900, 90, true)]
    [TestCase(120900, 89, false)]
    [TestCase(120803, 90, false)]
    public async Task Products_of_bytes_are_cuBLASLts_where_it_has_them(int version, int capability, bool bytes, CancellationToken timeout)
    {
        var options = new ImageOptions { Width = 32, Height = 32, Steps = 2, Seed = 3 };
        var pictures = new List<GeneratedImage>();
        foreach (var graphs in bytes ? new[] { true, false } : [true])
        {
            using var fake = FakeCuda.Executing();
            using var products = new FakeCublasLt(fake);
            fake.SetCapability(capability);
            products.SetVersion(version);
            using (var gpu = await TunaModel.LoadAsync(
                ModelFiles.Of(DemoModel.Directory), () => FakeCuda.Open(fake, ComputeType.BF16, graphs, products: products) with { Weights = WeightFormat.Fp8 }, null, timeout))
            {
                using var session = gpu.CreateSession();
                pictures.Add((await session.GenerateAsync(DemoModel.Prompt, options, null, timeout))[0]);
                Assert.That(products.EightBitProducts, bytes ? Is.GreaterThan(10).And.LessThan(products.Products) : Is.Zero);
                Assert.That(products.Products, Is.GreaterThan(0), "what stays bfloat16 is its anyway");
                Assert.That(pictures[^1].Parameters.Tuning, bytes ? Does.Contain("with e4m3") : Does.Not.Contain("e4m3"));
            }
            FakeCuda.AssertNothingLeft(fake);
            Assert.That(products.Live, Is.Zero);
        }
        if (bytes)
            Assert.That(pictures[1].Image.Pixels.ToArray(), Is.EqualTo(pictures[0].Image.Pixels.ToArray()), "a replay has the bits of plain launches");
        using var cpu = await LoadAsync(WeightFormat.Fp8);
        using var onCpu = cpu.CreateSession();
        var psnr = ImageQuality.Psnr((await onCpu.GenerateAsync(DemoModel.Prompt, options, null, timeout))[0].Image, pictures[0].Image);
        TestContext.Out.WriteLine($"{psnr:0.0} dB");
        Assert.That(psnr, Is.GreaterThan(30));
    }

    private static Task<TunaModel> LoadAsync(WeightFormat format) => TunaModel.LoadAsync(DemoModel.Directory, new() { Device = "cpu", Threads = 2, Weights = format });
}
