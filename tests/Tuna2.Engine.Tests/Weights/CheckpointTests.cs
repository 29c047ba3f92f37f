using System.Globalization;
using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>Model directories as they come: whole, sharded, incomplete, or made to reach outside themselves.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void A_directory_with_one_file_and_the_file_itself_are_the_same_checkpoint()
    {
        Write("model.safetensors", "a", "b");
        foreach (var path in new[] { directory.Path, directory.File("model.safetensors") })
        {
            using var checkpoint = Checkpoint.Open(path);
            Assert.That(checkpoint.Tensors.Keys, Is.EquivalentTo(["a", "b"]));
            Assert.That(checkpoint.TotalBytes, Is.EqualTo(16));
            Assert.That(checkpoint.ReadInt64("b"), Is.EqualTo([Value("b")]));
            var bytes = new byte[8];
            checkpoint.Read(checkpoint["a"], 0, bytes);
            Assert.That(BitConverter.ToInt64(bytes), Is.EqualTo(Value("a")));
        }
    }

    [Test]
    public void The_small_model_of_the_repository_opens()
    {
        using var checkpoint = Checkpoint.Open(Path.Combine(Fixtures.Repository, "models", "tuna2-shapes"));
        Assert.That(checkpoint["tuna.model.embed_tokens.weight"].ToString(), Is.EqualTo("tuna.model.embed_tokens.weight BF16 [456, 192]"));
        Assert.That(checkpoint.ReadFloat32("tuna.model.norm.weight").Average(), Is.GreaterThan(0.1f));
    }

    [Test]
    public void Shards_without_an_index_open_when_all_are_there()
    {
        Write("model-00001-of-00002.safetensors", "a");
        Write("model-00002-of-00002.safetensors", "b");
        using (var checkpoint = Checkpoint.Open(directory.Path)) Assert.That(checkpoint.ReadInt64("b"), Is.EqualTo([Value("b")]));
        File.Delete(directory.File("model-00001-of-00002.safetensors"));
        Assert.That(Error(), Does.Contain("1 shard is missing: model-00001-of-00002.safetensors"));
    }

    [Test]
    public void A_vae_in_a_file_of_its_own_belongs_to_the_checkpoint()
    {
        Write("model.safetensors", "a");
        Write("vae.safetensors", "vae.b");
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.That(checkpoint.Tensors.Keys, Is.EquivalentTo(["a", "vae.b"]));
    }

    [TestCase("vae.safetensors")]
    [TestCase("Wan2.2_VAE.safetensors")]
    public void A_vae_under_its_published_names_gets_the_models(string file)
    {
        Write("model.safetensors", "a");
        Write(file, "encoder.conv1.weight", "vae.model.conv2.bias");
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.That(checkpoint.Tensors.Keys, Is.EquivalentTo(["a", "vae.model.encoder.conv1.weight", "vae.model.conv2.bias"]));
        Assert.That(checkpoint.ReadInt64("vae.model.encoder.conv1.weight"), Is.EqualTo([Value("encoder.conv1.weight")]));
    }

    /// <summary>The VAE as it is published belongs to a model that has no other; it is often left beside the one it was converted to.</summary>
    [TestCase(null)]
    [TestCase("model.safetensors")]
    [TestCase("vae.safetensors")]
    [TestCase("Wan2.2_VAE.safetensors")]
    public void A_vae_as_it_is_published_is_read_where_there_is_no_other(string? other)
    {
        Write("model.safetensors", other == "model.safetensors" ? ["a", "vae.model.conv2.bias"] : ["a"]);
        if (other is not (null or "model.safetensors")) Write(other, "vae.model.conv2.bias");
        directory.Write("Wan2.2_VAE.pth", TorchWriter.File([("conv2.bias", DType.I64, [], BitConverter.GetBytes(77L))], "Wan2.2_VAE"));
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.That(checkpoint.Tensors.Keys, Is.EquivalentTo(["a", "vae.model.conv2.bias"]));
        Assert.That(checkpoint.ReadInt64("vae.model.conv2.bias"), Is.EqualTo([other is null ? 77L : Value("vae.model.conv2.bias")]));
        Assert.That(checkpoint.TotalBytes, Is.EqualTo(16));
    }

    [Test]
    public void A_vae_as_it_is_published_lies_beside_indexed_shards_too()
    {
        Write("s.safetensors", "a");
        directory.Write("Wan2.2_VAE.pth", TorchWriter.File([("conv2.bias", DType.I64, [], BitConverter.GetBytes(77L))]));
        WriteIndex("""{"weight_map":{"a":"s.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.That(checkpoint.ReadInt64("vae.model.conv2.bias"), Is.EqualTo([77L]));
    }

    [Test]
    public void A_vae_as_it_is_published_that_is_damaged_is_named()
    {
        Write("model.safetensors", "a");
        directory.Write("Wan2.2_VAE.pth", "PK\x03\x04 and no more"u8);
        Assert.That(Error(), Does.StartWith(directory.File("Wan2.2_VAE.pth")).And.Contain("truncated"));
    }

    [Test]
    public void A_vae_that_is_there_twice_is_refused()
    {
        Write("model.safetensors", "a");
        Write("vae.safetensors", "vae.model.conv2.bias");
        Write("Wan2.2_VAE.safetensors", "conv2.bias");
        Assert.That(Error(), Does.Contain("1 tensor is in two files: vae.model.conv2.bias (in vae.safetensors and Wan2.2_VAE.safetensors)"));
    }

    [Test]
    public void A_vae_beside_indexed_shards_need_not_be_in_the_index()
    {
        Write("s.safetensors", "a");
        Write("vae.safetensors", "vae.b");
        WriteIndex("""{"weight_map":{"a":"s.safetensors"}}""");
        using var checkpoint = Checkpoint.Open(directory.File(SafetensorsWriter.IndexName));
        Assert.That(checkpoint.Tensors.Keys, Is.EquivalentTo(["a", "vae.b"]));
    }

    [Test]
    public void A_directory_without_weights_says_what_it_looked_for() => Assert.That(Error(), Does.Contain("there are no weights").And.Contain("model.safetensors"));

    [Test]
    public void A_whole_file_and_an_index_in_one_directory_are_refused()
    {
        Write("model.safetensors", "a");
        WriteIndex("""{"weight_map":{"a":"model.safetensors"}}""");
        Assert.That(Error(), Does.Contain("both"));
    }

    [Test]
    public void Everything_that_is_wrong_with_the_shards_is_in_one_error()
    {
        Write("s1.safetensors", "a", "double", "unlisted");
        Write("s2.safetensors", "double", "moved");
        WriteIndex("""{"weight_map":{"a":"s1.safetensors","double":"s1.safetensors","absent":"s2.safetensors","moved":"s1.safetensors","c":"s3.safetensors","d":"s4.safetensors"}}""");
        Assert.That(Error(), Is.EqualTo(
            $"{directory.File(SafetensorsWriter.IndexName)}: 2 shards are missing: s3.safetensors, s4.safetensors; " +
            "1 tensor is in two files: double (in s1.safetensors and s2.safetensors); " +
            "1 tensor of the index is not in its shard: absent (s2.safetensors); " +
            "1 tensor is in another shard than the index says: moved (in s2.safetensors, not s1.safetensors); " +
            "1 tensor of a shard is not in the index: unlisted (s1.safetensors)"));
    }

    [Test]
    public void Many_offenders_are_named_eight_at_a_time()
    {
        Write("s.safetensors", Enumerable.Range(0, 20).Select(i => "t" + i.ToString("D2", CultureInfo.InvariantCulture)).ToArray());
        WriteIndex("""{"weight_map":{"t00":"s.safetensors"}}""");
        Assert.That(Error(), Does.Contain("19 tensors of the shards are not in the index: t01").And.EndsWith("and 11 more"));
    }

    [Test]
    public void A_tensor_in_two_unindexed_files_is_refused()
    {
        Write("model-a.safetensors", "w");
        Write("model-b.safetensors", "w");
        Assert.That(Error(), Does.Contain("w (in model-a.safetensors and model-b.safetensors)"));
    }

    [TestCase("../s.safetensors")]
    [TestCase("sub/s.safetensors")]
    [TestCase("..")]
    [TestCase(".")]
    [TestCase("")]
    [TestCase("/etc/hosts")]
    [TestCase("..\\\\s.safetensors")]
    [TestCase("C:s.safetensors")]
    [TestCase("s\\u0000.safetensors")]
    public void A_shard_name_that_leaves_the_directory_is_refused(string name)
    {
        WriteIndex($$"""{"weight_map":{"a":"{{name}}"} }""");
        Assert.That(Error(), Does.Contain("1 shard is not a file of this directory"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need a privilege there.")]
    public void A_snapshot_in_the_Hugging_Face_cache_where_every_file_is_a_link_opens([Values] bool indexed)
    {
        var snapshot = Snapshot(directory, "s1.safetensors", "s2.safetensors");
        Write("blobs/0", "a");
        Write("blobs/1", "b");
        if (indexed)
        {
            directory.Write("blobs/2", """{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}"""u8);
            File.CreateSymbolicLink(Path.Combine(snapshot, SafetensorsWriter.IndexName), "../../blobs/2");
        }
        else
        {
            File.Move(Path.Combine(snapshot, "s1.safetensors"), Path.Combine(snapshot, "model-00001-of-00002.safetensors"));
            File.Move(Path.Combine(snapshot, "s2.safetensors"), Path.Combine(snapshot, "model-00002-of-00002.safetensors"));
        }
        using var checkpoint = Checkpoint.Open(snapshot);
        Assert.That(checkpoint.ReadInt64("b"), Is.EqualTo([Value("b")]));
        Assert.That(checkpoint.Files.Select(file => file.Bytes), Is.All.EqualTo(new FileInfo(directory.File("blobs/0")).Length));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need a privilege there.")]
    public void A_shard_whose_blob_was_not_downloaded_is_missing()
    {
        var snapshot = Snapshot(directory, "s1.safetensors", "s2.safetensors");
        Write("blobs/0", "a");
        File.WriteAllText(Path.Combine(snapshot, SafetensorsWriter.IndexName), """{"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}}""");
        var message = Assert.Throws<ModelException>(() => Checkpoint.Open(snapshot).Dispose())!.Message;
        Assert.That(message, Does.Contain("s2.safetensors").And.Not.Contain("s1"));
    }

    [TestCase("[]", "'weight_map'")]
    [TestCase("{}", "'weight_map'")]
    [TestCase("{\"weight_map\":[]}", "'weight_map'")]
    [TestCase("{\"weight_map\":{}}", "'weight_map' is empty")]
    [TestCase("{\"weight_map\":{\"a\":1}}", "tensor 'a'")]
    [TestCase("{\"weight_map\":{\"a\":\"s\",\"\\u0061\":\"t\"}}", "not valid JSON")]
    [TestCase("{\"weight_map\":", "not valid JSON")]
    public void A_broken_index_is_refused(string json, string message)
    {
        WriteIndex(json);
        Assert.That(Error(), Does.Contain(message).And.Contain(SafetensorsWriter.IndexName));
    }

    [Test]
    public void A_damaged_shard_closes_the_others()
    {
        Write("model-a.safetensors", "w");
        directory.Write("model-b.safetensors", "broken"u8);
        Assert.That(Error(), Does.Contain("model-b.safetensors"));
        using var exclusive = new FileStream(directory.File("model-a.safetensors"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.That(exclusive.CanWrite);
    }

    private static long Value(string name) => name.Sum(c => c) * 1_000_003L;

    private string Error() => Assert.Throws<ModelException>(() => Checkpoint.Open(directory.Path).Dispose())!.Message;

    /// <summary>snapshots/HASH with links to blobs/0, blobs/1 ... under the names.</summary>
    private static string Snapshot(TemporaryDirectory cache, params string[] names)
    {
        Directory.CreateDirectory(cache.File("blobs"));
        var snapshot = Directory.CreateDirectory(cache.File("snapshots/0123abc")).FullName;
        foreach (var (i, name) in names.Index())
            File.CreateSymbolicLink(Path.Combine(snapshot, name), string.Create(CultureInfo.InvariantCulture, $"../../blobs/{i}"));
        return snapshot;
    }

    private void Write(string file, params string[] names) =>
        SafetensorsWriter.Write(directory.File(file), names.Select(name => new TensorData(name, DType.I64, [], BitConverter.GetBytes(Value(name)))));

    private void WriteIndex(string json) => directory.Write(SafetensorsWriter.IndexName, Encoding.UTF8.GetBytes(json));
}
