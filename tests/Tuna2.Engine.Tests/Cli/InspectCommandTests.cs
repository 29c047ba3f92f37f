using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Tests.Weights;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>inspect: directories and files, whole and not.</summary>
public sealed class InspectCommandTests : CliFixture
{
    [Test]
    public async Task A_model_directory_is_described()
    {
        var run = (await CliRun.OfAsync(["inspect", DemoModel])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna_2_pixel").And.Contain("4.6 M (4,584,640)").And.Contain("BF16")
            .And.Contain("9,181,848 bytes").And.Contain("64x64, 30 euler steps, guidance 2"));
    }

    [Test]
    public async Task Without_a_model_the_demo_model_is_described()
    {
        var run = (await CliRun.OfAsync(["inspect"])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna2-shapes").And.Contain("4.6 M"));
    }

    [Test]
    public async Task A_safetensors_file_is_described_and_its_tensors_listed()
    {
        var run = (await CliRun.OfAsync(["inspect", Path.Combine(DemoModel, "model.safetensors"), "--tensors"])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna_2_pixel").And.Contain("4.6 M").And.Not.Contain("defaults"));
        Assert.That(run.Out.Split('\n').Count(line => line.Contains(" BF16 [", StringComparison.Ordinal)), Is.EqualTo(115));
    }

    [Test]
    public async Task A_PyTorch_file_is_described_and_its_tensors_listed()
    {
        var path = Folder.Write("Wan2.2_VAE.pth", TorchWriter.File([("conv2.weight", DType.F32, [4, 4, 1, 1, 1], new byte[64]), ("conv2.bias", DType.F32, [4], new byte[16])]));
        var run = (await CliRun.OfAsync(["inspect", path, "--tensors"])).Succeeded();
        Assert.That(run.Out, Does.Contain("(20) in 2 tensors").And.Contain("80 bytes in 1 file").And.Contain("\nconv2.bias F32 [4]\nconv2.weight F32 [4, 4, 1, 1, 1]\n"));
        (await CliRun.OfAsync(["inspect", Folder.Write("old.pt", Convert.FromHexString("80028a0a6cfc9c46f9206aa850192e"))])).Failed(1, "old.pt", "from before 1.6");
    }

    [Test]
    public async Task The_description_comes_as_JSON()
    {
        var run = (await CliRun.OfAsync(["inspect", DemoModel, "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("parameters").GetInt64(), Is.EqualTo(4_584_640));
        Assert.That(json.RootElement.GetProperty("defaults").GetProperty("steps").GetInt32(), Is.EqualTo(30));
        Assert.That(json.RootElement.GetProperty("problem").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public async Task Memory_is_counted_for_every_task_at_the_sizes_asked_for()
    {
        var table = (await CliRun.OfAsync(["inspect", DemoModel, "--width", "128"])).Succeeded().Out;
        Assert.That(table, Does.Contain("128x64, 30 steps, 128 prompt tokens, answers of 512").And.Match("generate +edit +reconstruct +ask\n")
            .And.Match("weights +8.8 MiB +8.8 MiB +8.8 MiB +8.8 MiB\n").And.Match("keys and values +[0-9]").And.Match("this machine can give [0-9.]+ GiB now"));

        using var small = await Memory();
        using var large = await Memory("--width", "256", "--height", "128", "--steps", "3", "--prompt-tokens", "200", "--max-tokens", "9", "--threads", "8");
        using var unguided = await Memory("--guidance", "1");
        foreach (var task in (string[])["generate", "edit", "reconstruct", "ask"])
        {
            Assert.That(Part(large, task, "activations_bytes"), Is.GreaterThan(Part(small, task, "activations_bytes")), task);
            Assert.That(Part(large, task, "process_bytes"), Is.GreaterThan(Part(small, task, "process_bytes")), task);
            Assert.That(Part(large, task, "weights_bytes"), Is.EqualTo(Part(small, task, "weights_bytes")).And.InRange(9_170_000, 9_300_000), task);
            Assert.That(Part(small, task, "activations_bytes"), Is.LessThan(Part(small, task, "activations_naive_bytes")), task);
            Assert.That(Part(small, task, "total_bytes"), Is.EqualTo(
                Part(small, task, "weights_bytes") + Part(small, task, "activations_bytes") + Part(small, task, "keys_values_bytes") + Part(small, task, "tables_bytes") + Part(small, task, "process_bytes")), task);
        }
        Assert.That(Part(unguided, "generate", "keys_values_bytes"), Is.LessThan(Part(small, "generate", "keys_values_bytes")), "one branch instead of two");
        using var batch = await Memory("--batch", "4");
        Assert.That(Part(batch, "generate", "activations_bytes"), Is.GreaterThan(Part(small, "generate", "activations_bytes")), "four pictures at once");
        Assert.That(Part(batch, "generate", "tables_bytes"), Is.EqualTo(Part(small, "generate", "tables_bytes") + 3 * 3 * 3 * 64 * 64 * sizeof(float)), "of each its state, Heun's trial state and velocity");
        Assert.That(Part(batch, "generate", "keys_values_bytes"), Is.EqualTo(Part(small, "generate", "keys_values_bytes")), "and one prompt");
        Assert.That(Part(batch, "reconstruct", "total_bytes"), Is.EqualTo(Part(small, "reconstruct", "total_bytes")));
        Assert.That(Part(large, "generate", "tables_bytes"), Is.Not.EqualTo(Part(small, "generate", "tables_bytes")));
        Assert.That(large.RootElement.GetProperty("memory").GetProperty("max_tokens").GetInt32(), Is.EqualTo(9));
        Assert.That(large.RootElement.GetProperty("memory").GetProperty("available_bytes").GetInt64(), Is.Positive);

        async Task<JsonDocument> Memory(params string[] options) => JsonDocument.Parse((await CliRun.OfAsync(["inspect", DemoModel, "--json", .. options])).Succeeded().Out);

        static long Part(JsonDocument json, string task, string part) => json.RootElement.GetProperty("memory").GetProperty(task).GetProperty(part).GetInt64();
    }

    [TestCase("--width", "17", "width")]
    [TestCase("--prompt-tokens", "0", "prompt tokens")]
    [TestCase("--max-tokens", "99999", "answer tokens")]
    [TestCase("--threads", "-2", "threads")]
    public async Task Sizes_that_cannot_be_are_refused(string option, string value, string word) =>
        (await CliRun.OfAsync(["inspect", DemoModel, option, value])).Failed(2, word, value);

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need a privilege there.")]
    public async Task A_snapshot_of_the_Hugging_Face_cache_is_described_with_the_sizes_of_its_files()
    {
        var snapshot = Directory.CreateDirectory(Folder.File("snapshots/0123abc")).FullName;
        foreach (var file in Directory.EnumerateFiles(DemoModel))
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), file);
        var run = (await CliRun.OfAsync(["inspect", snapshot])).Succeeded();
        Assert.That(run.Out, Does.Contain("model.safetensors  9,181,848 bytes"));
    }

    [Test]
    public async Task Weights_of_another_config_are_described_and_refused()
    {
        var model = CopyModel();
        var config = Path.Combine(model, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5", StringComparison.Ordinal));
        var run = await CliRun.OfAsync(["inspect", model]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Out, Does.Contain("4.6 M"));
        Assert.That(run.Error, Does.Match("^tuna2: [^\n]*missing[^\n]*\n$").And.Contain(model));
    }

    [Test]
    public async Task A_damaged_file_is_refused()
    {
        var path = Folder.Write("model.safetensors", [1, 2, 3]);
        (await CliRun.OfAsync(["inspect", path])).Failed(1, path);
        (await CliRun.OfAsync(["inspect", Folder.File("nothing")])).Failed(1, Folder.File("nothing"));
    }
}
