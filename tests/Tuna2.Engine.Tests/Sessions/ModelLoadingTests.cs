using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>Model directories in every form load to the same model; bad ones are refused in one line and leave nothing behind.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ModelLoadingTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly long _live = CpuBuffer.Live;

    public void Dispose() => _directory.Dispose();

    [TearDown]
    public void NothingStaysBehind() => Assert.That(CpuBuffer.Live, Is.EqualTo(_live));

    [Test]
    public async Task A_loaded_model_tells_what_it_is()
    {
        using var model = await DemoModel.LoadAsync();
        Assert.That((model.Name, model.Device), Is.EqualTo(("tuna2-shapes", "cpu")));
        Assert.That(model.WeightBytes, Is.InRange(9_000_000, 10_000_000));
        Assert.That(model.Config.Defaults.Steps, Is.EqualTo(30));
    }

    [Test]
    public async Task Progress_rises_to_the_whole()
    {
        var told = new List<LoadProgress>();
        using var model = await TunaModel.LoadAsync(DemoModel.Directory, null, new Listener<LoadProgress>(told.Add));
        Assert.That(told.Select(p => p.Bytes), Is.Ordered);
        Assert.That(told[^1].Bytes, Is.EqualTo(told[^1].TotalBytes));
    }

    [Test]
    public async Task Loading_is_cancelled_between_tensors_and_before_it_starts()
    {
        using var cancel = new CancellationTokenSource();
        var reports = 0;
        var progress = new Listener<LoadProgress>(_ => { if (++reports == 3) cancel.Cancel(); });
        await Assert.CatchAsync<OperationCanceledException>(() => TunaModel.LoadAsync(DemoModel.Directory, null, progress, cancel.Token));
        Assert.That(reports, Is.EqualTo(3));
        await Assert.CatchAsync<OperationCanceledException>(() => TunaModel.LoadAsync(DemoModel.Directory, null, progress, cancel.Token));
        Assert.That(reports, Is.EqualTo(3));
    }

    [Test]
    public async Task What_progress_throws_ends_loading() =>
        await Assert.ThrowsAsync<FormatException>(() => TunaModel.LoadAsync(DemoModel.Directory, null, new Listener<LoadProgress>(_ => throw new FormatException())));

    [Test]
    public async Task Shards_load_to_the_same_pictures_as_one_file()
    {
        DemoModel.CopyWithoutWeights(_directory);
        using (var checkpoint = Checkpoint.Open(DemoModel.Directory))
        {
            var tensors = checkpoint.Tensors.Values.Select(t => new TensorData(t.Name, t.DType, t.Shape, checkpoint.ReadBytes(t.Name)));
            Assert.That(SafetensorsWriter.WriteSharded(_directory.Path, tensors, maxShardBytes: 2_000_000), Has.Count.GreaterThan(3));
        }
        Assert.That(await Picture(_directory.Path), Is.EqualTo(await Picture(DemoModel.Directory)));
    }

    [Test]
    public async Task Float32_weights_of_the_same_values_give_the_same_picture()
    {
        DemoModel.CopyWithoutWeights(_directory);
        SafetensorsWriter.WriteSharded(_directory.Path, DemoModel.Weights(), long.MaxValue);
        AssertClose(await Picture(_directory.Path), await Picture(DemoModel.Directory));
    }

    [Test]
    public async Task Float16_weights_give_nearly_the_same_picture()
    {
        DemoModel.CopyWithoutWeights(_directory);
        SafetensorsWriter.WriteSharded(_directory.Path, DemoModel.Weights((tensor, values) =>
        {
            Half[] halves = [.. values.Select(v => (Half)v)];
            return new(tensor.Name, DType.F16, tensor.Shape, MemoryMarshal.AsBytes(halves.AsSpan()).ToArray());
        }), long.MaxValue);
        AssertClose(await Picture(_directory.Path), await Picture(DemoModel.Directory));
    }

    [Test]
    public async Task A_directory_that_is_no_model_is_refused()
    {
        var absent = _directory.File("nowhere");
        await Refused(absent, absent, "no such model directory");
        await Refused(_directory.Write("file", [1]), "a file, not a model directory");
        await Refused(_directory.Path, "config.json");
        File.Copy(Path.Combine(DemoModel.Directory, "config.json"), _directory.File("config.json"));
        await Refused(_directory.Path, "tokenizer.json");
        File.Copy(Path.Combine(DemoModel.Directory, "tokenizer.json"), _directory.File("tokenizer.json"));
        await Refused(_directory.Path, "no weights");
    }

    [Test]
    public async Task Truncated_weights_are_refused([Values(0, 7, 5000, 9_000_000)] int length)
    {
        DemoModel.CopyWithoutWeights(_directory);
        _directory.Write("model.safetensors", File.ReadAllBytes(Path.Combine(DemoModel.Directory, "model.safetensors")).AsSpan(0, length));
        await Refused(_directory.Path, "model.safetensors");
    }

    [Test]
    public async Task Missing_unexpected_and_misshapen_tensors_are_all_named()
    {
        DemoModel.CopyWithoutWeights(_directory);
        var tensors = DemoModel.Weights();
        tensors.RemoveAll(t => t.Name == "tuna.model.norm.weight");
        tensors.RemoveAll(t => t.Name == "vision_encoder.norm.weight");
        tensors.Add(TensorData.FromFloat32("vision_encoder.norm.weight", [3], [1, 2, 3]));
        tensors.Add(TensorData.FromFloat32("something.else", [1], [1]));
        SafetensorsWriter.WriteSharded(_directory.Path, tensors, long.MaxValue);
        await Refused(_directory.Path, "tuna.model.norm.weight", "vision_encoder.norm.weight", "something.else");
    }

    [Test]
    public async Task Another_models_weights_are_refused()
    {
        DemoModel.CopyWithoutWeights(_directory);
        ChangeConfig(config => config["num_hidden_layers"] = 5);
        File.Copy(Path.Combine(DemoModel.Directory, "model.safetensors"), _directory.File("model.safetensors"));
        await Refused(_directory.Path, "tuna.model.layers.4");
    }

    [TestCase("tuna_3", "tuna_3")]
    [TestCase("tuna", "config.json")]
    public async Task An_unknown_or_unsupported_variant_is_refused(string variant, string named)
    {
        DemoModel.CopyWithoutWeights(_directory);
        ChangeConfig(config => config["variant"] = variant);
        await Refused(_directory.Path, named);
    }

    [Test]
    public async Task A_tokenizer_larger_than_the_vocabulary_is_refused()
    {
        DemoModel.CopyWithoutWeights(_directory);
        ChangeConfig(config => config["vocab_size"] = 400);
        await Refused(_directory.Path, "tokenizer.json", "456", "400");
    }

    [Test]
    public async Task A_tokenizer_without_the_models_tokens_is_refused_before_the_weights()
    {
        DemoModel.CopyWithoutWeights(_directory);
        var path = _directory.File("tokenizer.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("<|vision_start|>", "<|something|>", StringComparison.Ordinal));
        await Refused(_directory.Path, "tokenizer.json", "<|vision_start|>");
    }

    [Test]
    public async Task Weights_that_are_not_numbers_are_reported_not_drawn()
    {
        DemoModel.CopyWithoutWeights(_directory);
        SafetensorsWriter.WriteSharded(_directory.Path, DemoModel.Weights((tensor, values) =>
        {
            if (tensor.Name == "tuna.model.norm.weight")
                values.AsSpan().Fill(float.NaN);
            return TensorData.FromFloat32(tensor.Name, tensor.Shape, values);
        }), long.MaxValue);
        using var model = await TunaModel.LoadAsync(_directory.Path);
        using var session = model.CreateSession();
        await Assert.ThrowsAsync<ModelException>(() => session.GenerateAsync(DemoModel.Prompt, DemoModel.Short));
        await Assert.ThrowsAsync<ModelException>(() => session.AnswerAsync("What color is the square?"));
    }

    private void ChangeConfig(Action<JsonNode> change)
    {
        var config = JsonNode.Parse(File.ReadAllText(_directory.File("config.json")))!;
        change(config);
        File.WriteAllText(_directory.File("config.json"), config.ToJsonString());
    }

    private static async Task<byte[]> Picture(string directory)
    {
        using var model = await TunaModel.LoadAsync(directory);
        using var session = model.CreateSession();
        return await session.GenerateAsync(DemoModel.Short);
    }

    private static void AssertClose(byte[] picture, byte[] expected) =>
        Assert.That(picture.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(2));

    private static async Task Refused(string directory, params string[] words)
    {
        var message = (await Assert.ThrowsAsync<ModelException>(() => TunaModel.LoadAsync(directory)))!.Message;
        foreach (var word in words)
            Assert.That(message, Does.Contain(word));
        Assert.That(message, Does.Not.Contain('\n'));
    }
}
