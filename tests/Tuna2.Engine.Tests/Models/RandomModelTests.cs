using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NUnit.Framework;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Sessions;
using Tuna2.Engine.Text;
using Tuna2.Engine.Tests.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Models;

/// <summary>Random models are the same everywhere, run as real ones do, and are there whole or not at all.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RandomModelTests : IDisposable
{
    private static readonly ManifestCheckpoint _shapes = WeightsManifest.Checkpoints.Single(checkpoint => checkpoint.Name == "tuna2-shapes");

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Test]
    public void The_same_seed_gives_the_same_bytes_on_every_machine_and_another_seed_others()
    {
        // Pinned: whoever changes the recipe changes what every measurement was made on.
        Assert.That(Hash(Write("a")), Is.EqualTo("PIN"));
        Assert.That(Hash(Write("b")), Is.EqualTo(Hash(Path.Combine(_directory.Path, "a"))));
        Assert.That(Hash(Write("c", seed: 1)), Is.Not.EqualTo(Hash(Path.Combine(_directory.Path, "a"))));
    }

    [Test]
    public async Task A_random_model_loads_draws_and_answers()
    {
        using var model = await TunaModel.LoadAsync(Write("model", seed: 3));
        using var session = model.CreateSession();
        Assert.That(await session.GenerateAsync(DemoModel.Short), Has.Length.EqualTo(64 * 64 * 3));
        Assert.That(await session.EditAsync(DemoModel.Picture, "make it blue", DemoModel.Short), Has.Count.EqualTo(1));
        Assert.That(await session.AnswerAsync("Why?", new() { MaxTokens = 5, Temperature = 1 }), Is.Not.Empty);
    }

    [Test]
    public void Its_files_are_those_of_a_model_directory_and_its_tensors_those_of_the_manifest()
    {
        var path = Write("model");
        Assert.That(Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName), Is.EquivalentTo(["config.json", "tokenizer.json", "model.safetensors"]));
        Assert.That(ModelConfig.Load(path), Is.EqualTo(_shapes.Config));
        using var checkpoint = Checkpoint.Open(path);
        Assert.That(() => WeightsManifest.Check(_shapes.Config, checkpoint), Throws.Nothing);
        Assert.That(checkpoint.Tensors, Has.Count.EqualTo(_shapes.TensorCount));
        Assert.That(checkpoint.ReadFloat32("diffusion_head_a.0.self_attn.q_norm.weight"), Is.All.EqualTo(1f));
        Assert.That(checkpoint.ReadFloat32("tuna.model.layers.0.self_attn.q_proj.bias"), Has.Some.Not.Zero.And.All.InRange(-0.035f, 0.035f));
        Assert.That(checkpoint.ReadFloat32("tuna.model.layers.0.mlp.up_proj.weight"), Is.Not.EqualTo(checkpoint.ReadFloat32("tuna.model.layers.0.mlp.gate_proj.weight")));
    }

    [Test]
    public void The_numbers_are_small_centred_and_spread()
    {
        var elements = new ushort[1 << 20];
        RandomWeights.Fill(RandomWeights.Key(7, "a"), 0, elements);
        double[] values = [.. elements.Select(bits => (double)BitConverter.UInt32BitsToSingle((uint)bits << 16))];
        var mean = values.Average();
        Assert.That(mean, Is.EqualTo(0).Within(1e-4));
        Assert.That(Math.Sqrt(values.Average(value => (value - mean) * (value - mean))), Is.EqualTo(0.02).Within(1e-4));
        Assert.That(values.Zip(values.Skip(1), (a, b) => a * b).Average() / 0.0004, Is.EqualTo(0).Within(0.01), "neighbours are independent");
        Assert.That(values.Max(), Is.EqualTo(0.02 * Math.Sqrt(3)).Within(2e-4));
    }

    [Test]
    public void A_tensor_is_the_same_in_pieces_and_as_a_whole()
    {
        var key = RandomWeights.Key(7, "a");
        var whole = new ushort[1023];
        RandomWeights.Fill(key, 0, whole);
        var pieces = new ushort[1023];
        int[] bounds = [0, 4, 12, 512, 1020, 1023];
        foreach (var (begin, end) in bounds.Zip(bounds.Skip(1)))
            RandomWeights.Fill(key, begin, pieces.AsSpan(begin, end - begin));
        Assert.That(pieces, Is.EqualTo(whole));
    }

    [Test]
    public void A_tensor_of_many_pieces_is_written_as_its_elements_say()
    {
        // 192 x 512 elements do not fill a piece; the embedding of a wide shape fills several, and the buffer more than once.
        var shape = _shapes with { Config = _shapes.Config with { VocabSize = 50_000 } };
        RandomModel.Write(shape, _directory.File("wide"), seed: 2);
        using var checkpoint = Checkpoint.Open(_directory.File("wide"));
        var expected = new ushort[50_000 * 192];
        RandomWeights.Fill(RandomWeights.Key(2, "tuna.model.embed_tokens.weight"), 0, expected);
        Assert.That(MemoryMarshal.Cast<byte, ushort>(checkpoint.ReadBytes("tuna.model.embed_tokens.weight")).SequenceEqual(expected));
    }

    [Test]
    public void The_tokenizer_of_the_official_size_has_Qwens_special_tokens_at_Qwens_ids()
    {
        var tokenizer = Tokenizers.LoadBytes(StandInTokenizer.Json(151_669));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(Tokenizers.Qwen.VocabularySize));
        for (var id = 151_643; id < 151_669; id++)
        {
            Assert.That(tokenizer.TokenText(id), Is.EqualTo(Tokenizers.Qwen.TokenText(id)));
            foreach (var skip in (bool[])[false, true])
                Assert.That(tokenizer.Decode([id], skip), Is.EqualTo(Tokenizers.Qwen.Decode([id], skip)));
        }
        const string text = "Ein Leuchtturm im Sturm: 灯台 <|im_end|> 12";
        Assert.That(tokenizer.Decode(tokenizer.Encode(text)), Is.EqualTo(text));
        Assert.That(tokenizer.Encode("lighthouse"), Has.Length.LessThan(10), "its merges merge");
    }

    [Test]
    public void A_vocabulary_too_small_for_bytes_is_refused() =>
        Assert.That(() => StandInTokenizer.Json(281), Throws.TypeOf<ModelException>().With.Message.Contains("281"));

    [Test]
    public void A_directory_with_something_in_it_is_refused_and_left_as_it_is()
    {
        _directory.Write("kept", [1]);
        Refused(_directory.Path, "not empty");
        Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path).Select(Path.GetFileName), Is.EqualTo(["kept"]));
        Refused(_directory.File("kept"), "a file of that name");
        Refused(_directory.File("no/where"), $"no folder {_directory.File("no")}");
        Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path).Select(Path.GetFileName), Is.EqualTo(["kept"]));
    }

    [Test]
    public void An_empty_directory_is_filled()
    {
        Directory.CreateDirectory(_directory.File("model"));
        Assert.That(Directory.EnumerateFiles(Write("model")).Count(), Is.EqualTo(3));
    }

    [Test]
    public void A_disk_without_the_room_is_told_before_a_weight_is_written()
    {
        var reports = 0;
        var message = Assert.Throws<IOException>(() => RandomModel.Write(
            _shapes, _directory.File("model"), 0, _ => 1 << 20, new Listener<WriteProgress>(_ => reports++), default))!.Message;
        TestContext.Out.WriteLine(message);
        Assert.That(message, Does.Contain(_directory.File("model")).And.Contain("1.0 MiB left").And.Contain("missing"));
        Assert.That(reports, Is.Zero);
        NothingIsThere();
    }

    [Test]
    public void Cancelled_it_leaves_nothing([Values(1, 60)] int at)
    {
        using var cancel = new CancellationTokenSource();
        var reports = 0;
        Assert.Catch<OperationCanceledException>(() => RandomModel.Write(
            _shapes, _directory.File("model"), 0, new Listener<WriteProgress>(_ => { if (++reports == at) cancel.Cancel(); }), cancel.Token));
        Assert.That(reports, Is.EqualTo(at));
        NothingIsThere();
    }

    [Test]
    public void What_progress_throws_ends_it_and_leaves_nothing()
    {
        Assert.Throws<FormatException>(() => RandomModel.Write(_shapes, _directory.File("model"), 0, new Listener<WriteProgress>(_ => throw new FormatException())));
        NothingIsThere();
    }

    [Test]
    public void Progress_rises_to_the_whole()
    {
        var told = new List<WriteProgress>();
        RandomModel.Write(_shapes, _directory.File("model"), 0, new Listener<WriteProgress>(told.Add));
        Assert.That(told.Select(p => p.Bytes), Is.Ordered);
        Assert.That(told[^1], Is.EqualTo(new WriteProgress(2 * _shapes.ParameterCount, 2 * _shapes.ParameterCount)));
    }

    private string Write(string name, long seed = 0)
    {
        var path = _directory.File(name);
        Assert.That(RandomModel.Write(_shapes, path, seed), Is.EqualTo([Path.Combine(path, "model.safetensors")]));
        return path;
    }

    private static void Refused(string directory, string word) => Assert.That(
        () => RandomModel.Write(_shapes, directory), Throws.TypeOf<IOException>().With.Message.Contains(word).And.Message.StartsWith($"cannot write {directory}"));

    private void NothingIsThere() => Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path), Is.Empty);

    private static string Hash(string model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in (string[])["config.json", "tokenizer.json", "model.safetensors"])
            hash.AppendData(File.ReadAllBytes(Path.Combine(model, file)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
