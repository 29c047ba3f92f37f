using System.Buffers.Binary;
using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>What is written is read back, and a write that fails leaves nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void Whatever_is_written_is_read_back([Range(0, 19)] int seed)
    {
        var random = new Random(seed);
        var tensors = RandomTensors(random, random.Next(0, 30));
        var metadata = Enumerable.Range(0, random.Next(3)).ToDictionary(i => RandomName(random) + i, _ => RandomName(random));
        var path = directory.File("f.safetensors");
        SafetensorsWriter.Write(path, tensors.Select(t => t.Data), metadata);

        using var file = new SafetensorsFile(path);
        Assert.That(file.Metadata, Is.EquivalentTo(metadata));
        Assert.That(file.Tensors, Has.Count.EqualTo(tensors.Count));
        foreach (var (data, bytes) in tensors)
        {
            Assert.That(file[data.Name].ToString(), Is.EqualTo($"{data.Name} {data.DType.Name()} [{string.Join(", ", data.Shape)}]"));
            Assert.That(file.ReadBytes(data.Name), Is.EqualTo(bytes));
        }
    }

    [Test]
    public void The_order_of_the_tensors_does_not_change_the_file([Range(0, 4)] int seed)
    {
        var tensors = RandomTensors(new Random(seed), 20).ConvertAll(t => t.Data);
        SafetensorsWriter.Write(directory.File("a"), tensors);
        tensors.Reverse();
        SafetensorsWriter.Write(directory.File("b"), tensors);
        Assert.That(File.ReadAllBytes(directory.File("a")), Is.EqualTo(File.ReadAllBytes(directory.File("b"))));
    }

    [Test]
    public void Tensors_stand_by_falling_type_then_name_behind_a_compact_padded_header()
    {
        var path = directory.File("f");
        SafetensorsWriter.Write(
            path,
            [
                new TensorData("a", DType.U8, [3], new byte[] { 1, 2, 3 }),
                new TensorData("c", DType.BF16, [1], new byte[] { 0, 0 }),
                TensorData.FromFloat32("b", [1, 2], [1, 2]),
                new TensorData("a/ü", DType.BF16, [], new byte[] { 0, 0 }),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.That(length % 8, Is.Zero);
        Assert.That(
            Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' '),
            Is.EqualTo("""{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"a/ü":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]},"a":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}"""));
        Assert.That(bytes, Has.Length.EqualTo(8 + length + 15));
    }

    [Test]
    public void The_small_model_of_the_repository_rewritten_is_the_same_file()
    {
        var path = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes", "model.safetensors");
        using (var file = new SafetensorsFile(path))
            SafetensorsWriter.Write(
                directory.File("f"),
                file.Tensors.Select(tensor => new TensorData(tensor.Name, tensor.DType, tensor.Shape, file.ReadBytes(tensor.Name))),
                file.Metadata);
        Assert.That(File.ReadAllBytes(directory.File("f")).AsSpan().SequenceEqual(File.ReadAllBytes(path)));
    }

    [Test]
    public void No_tensors_at_all_is_a_file()
    {
        SafetensorsWriter.Write(directory.File("f"), []);
        using var file = new SafetensorsFile(directory.File("f"));
        Assert.That(file.Tensors, Is.Empty);
    }

    [TestCase(3)]
    [TestCase(5)]
    public void A_tensor_that_writes_a_wrong_number_of_bytes_leaves_nothing(int written)
    {
        var tensor = new TensorData("w", DType.F32, [1], stream => stream.Write(new byte[written]));
        Assert.That(
            Assert.Throws<ModelException>(() => SafetensorsWriter.Write(directory.File("f"), [tensor]))!.Message,
            Does.Contain("tensor 'w'").And.Contain("4 bytes"));
        Assert.That(Directory.GetFiles(directory.Path), Is.Empty);
    }

    [Test]
    public void A_failed_write_keeps_the_file_that_was_there()
    {
        var path = directory.Write("f", "old"u8);
        var tensor = new TensorData("w", DType.F32, [1], _ => throw new TimeoutException());
        Assert.That(() => SafetensorsWriter.Write(path, [tensor]), Throws.InstanceOf<TimeoutException>());
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(directory.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void Bytes_in_memory_must_be_those_of_the_shape() =>
        Assert.That(
            Assert.Throws<ModelException>(() => _ = new TensorData("w", DType.F32, [2], new byte[7]))!.Message,
            Does.Contain("F32 [2] takes 8 bytes, not 7"));

    [TestCase(-1L, 1L)]
    [TestCase(1L << 62, 4L)]
    [TestCase(1L << 61, 1L)]
    public void A_shape_that_cannot_be_is_refused(long a, long b) =>
        Assert.That(() => new TensorData("w", DType.F32, [a, b], _ => { }), Throws.InstanceOf<ModelException>());

    [Test]
    public void Two_tensors_of_one_name_are_refused()
    {
        TensorData[] tensors = [new("w", DType.U8, [], new byte[1]), new("w", DType.I8, [], new byte[1])];
        Assert.That(Assert.Throws<ModelException>(() => SafetensorsWriter.Write(directory.File("f"), tensors))!.Message, Does.Contain("two tensors are named 'w'"));
        Assert.That(() => SafetensorsWriter.WriteSharded(directory.Path, tensors, 1), Throws.InstanceOf<ModelException>());
        Assert.That(Directory.GetFiles(directory.Path), Is.Empty);
    }

    [Test]
    public void A_name_the_format_cannot_hold_is_refused()
    {
        foreach (var name in new[] { "__metadata__", "half a pair: \ud800" })
            Assert.That(
                () => SafetensorsWriter.Write(directory.File("f"), [new TensorData(name, DType.U8, [], new byte[1])]),
                Throws.InstanceOf<ModelException>());
    }

    [Test]
    public void Shards_and_their_index_are_read_back_as_one_checkpoint([Range(0, 9)] int seed)
    {
        var random = new Random(seed);
        var tensors = RandomTensors(random, 25);
        const long Limit = 200;
        var written = SafetensorsWriter.WriteSharded(directory.Path, tensors.Select(t => t.Data), Limit);
        Assert.That(written, Has.Count.GreaterThan(1));
        foreach (var path in written)
        {
            using var shard = new SafetensorsFile(path);
            Assert.That(shard.Tensors.Count == 1 || shard.Tensors.Sum(t => t.ByteLength) <= Limit, path);
        }
        using var checkpoint = Checkpoint.Open(directory.Path);
        Assert.That(checkpoint.Tensors, Has.Count.EqualTo(tensors.Count));
        Assert.That(checkpoint.TotalBytes, Is.EqualTo(tensors.Sum(t => (long)t.Bytes.Length)));
        foreach (var (data, bytes) in tensors) Assert.That(checkpoint.ReadBytes(data.Name), Is.EqualTo(bytes));
    }

    [Test]
    public void One_shard_is_a_plain_file_without_an_index()
    {
        SafetensorsWriter.WriteSharded(directory.File("new"), [TensorData.FromFloat32("w", [2], [1, 2])], 8);
        Assert.That(Directory.GetFiles(directory.File("new")).Select(Path.GetFileName), Is.EqualTo(["model.safetensors"]));
    }

    [Test]
    public void A_shard_that_fails_takes_the_others_with_it()
    {
        TensorData[] tensors = [new("a", DType.U8, [4], new byte[4]), new("b", DType.U8, [4], stream => stream.WriteByte(1))];
        Assert.That(() => SafetensorsWriter.WriteSharded(directory.Path, tensors, 4), Throws.InstanceOf<ModelException>());
        Assert.That(Directory.GetFiles(directory.Path), Is.Empty);
    }

    private static List<(TensorData Data, byte[] Bytes)> RandomTensors(Random random, int count)
    {
        List<(TensorData, byte[])> tensors = [];
        for (var i = 0; i < count; i++)
        {
            var dtype = (DType)random.Next(Enum.GetValues<DType>().Length);
            var shape = Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(i % 5 == 0 ? 0 : 1, 5)).ToArray();
            var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b) * dtype.Size()];
            random.NextBytes(bytes);
            var name = RandomName(random) + i;
            tensors.Add((i % 2 == 0 ? new TensorData(name, dtype, shape, bytes) : new TensorData(name, dtype, shape, stream => stream.Write(bytes)), bytes));
        }
        return tensors;
    }

    // With all that JSON must escape, and letters of one to four bytes.
    private static string RandomName(Random random)
    {
        string[] pieces = ["a", ".weight", "\"", "\\", "/", "\n", "\0", " ", "é", "漢", "🐟", "{", "\u007f"];
        return string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)]));
    }
}
