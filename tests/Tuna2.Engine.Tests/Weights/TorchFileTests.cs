using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>PyTorch's files from anywhere: read as PyTorch reads them, nothing in them run, every broken one refused in one line.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TorchFileTests : IDisposable
{
    // A state dict of two views of one storage, a parameter and a scalar, with its versions: pickled by CPython 3.11's own
    // pickler, in protocol 2 as torch.save does and in protocol 4, with stand-ins of torch's classes under their names.
    private const string ByPython2 =
        "gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgMAAAAY29udjEud2VpZ2h0cQJjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3RlbnNvcl92MgpxAygoWAcAAABzdG9yYWdlcQRj"
        + "dG9yY2gKRmxvYXRTdG9yYWdlCnEFWAEAAAAwcQZYAwAAAGNwdXEHSwZ0cQhRSwBLAksDhnEJSwNLAYZxColoAClScQt0cQxScQ1YCgAAAGNvbnYxLmJpYXNxDmgDKChoBGgFaAZoB0sG"
        + "dHEPUUsESwKFcRBLAYVxEYloAClScRJ0cRNScRRYBAAAAG1lYW5xFWN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfcGFyYW1ldGVyCnEWaAMoKGgEY3RvcmNoCkhhbGZTdG9yYWdlCnEXWAEA"
        + "AAAxcRhoB0pwEQEAdHEZUU0sAShLAUsCSwNLBHRxGihLGEsMSwRLAXRxG4loAClScRx0cR1ScR6IaAApUnEfh3EgUnEhWAUAAABzdGVwc3EiaAMoKGgEY3RvcmNoCkxvbmdTdG9yYWdl"
        + "CnEjWAEAAAAycSRoB0sBdHElUUsAKSmJaAApUnEmdHEnUnEodX1xKVgJAAAAX21ldGFkYXRhcSpoAClScSsoWAAAAABxLH1xLVgHAAAAdmVyc2lvbnEuSwFzWAUAAABjb252MXEvfXEw"
        + "aC5LAXN1c2Iu";

    private const string ByPython4 =
        "gASVuwEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAxjb252MS53ZWlnaHSUjAx0b3JjaC5fdXRpbHOUjBJfcmVidWlsZF90ZW5zb3JfdjKUk5QoKIwHc3Rv"
        + "cmFnZZSMBXRvcmNolIwMRmxvYXRTdG9yYWdllJOUjAEwlIwDY3B1lEsGdJRRSwBLAksDhpRLA0sBhpSJaAIpUpR0lFKUjApjb252MS5iaWFzlGgHKChoCGgLaAxoDUsGdJRRSwRLAoWU"
        + "SwGFlIloAilSlHSUUpSMBG1lYW6UaAWMEl9yZWJ1aWxkX3BhcmFtZXRlcpSTlGgHKChoCGgJjAtIYWxmU3RvcmFnZZSTlIwBMZRoDUpwEQEAdJRRTSwBKEsBSwJLA0sEdJQoSxhLDEsE"
        + "SwF0lIloAilSlHSUUpSIaAIpUpSHlFKUjAVzdGVwc5RoBygoaAhoCYwLTG9uZ1N0b3JhZ2WUk5SMATKUaA1LAXSUUUsAKSmJaAIpUpR0lFKUdX2UjAlfbWV0YWRhdGGUaAIpUpQojACU"
        + "fZSMB3ZlcnNpb26USwFzjAVjb252MZR9lGg3SwFzdXNiLg==";

    private static readonly TorchTensor[] Small =
    [
        new("conv1.weight", DType.F32, [2, 3], "0"),
        new("conv1.bias", DType.F32, [2], "0") { Offset = 4 },
        new("mean", DType.F16, [1, 2, 3, 4], "1") { Offset = 300, Parameter = true },
        new("steps", DType.I64, [], "2"),
    ];

    private static readonly Dictionary<string, byte[]> SmallStorages = new()
    {
        ["0"] = MemoryMarshal.AsBytes<float>([1, 2, 3, 4, 5, 6]).ToArray(),
        ["1"] = MemoryMarshal.AsBytes<Half>([.. Enumerable.Range(0, 70_000).Select(i => (Half)(i % 2000))]).ToArray(),
        ["2"] = BitConverter.GetBytes(123456789L),
    };

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void The_test_files_are_pickled_as_Python_does() =>
        Assert.That(Convert.ToBase64String(PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages, "", "conv1"))), Is.EqualTo(ByPython2));

    /// <summary>What torch.save itself wrote (PyTorch 2.6), beside the same tensors as safetensors.</summary>
    [TestCase("plain.pt", "expected.safetensors")]
    [TestCase("wrapped_state_dict.pt", "expected.safetensors")]
    [TestCase("wrapped_model.pt", "expected.safetensors")]
    [TestCase("parameters.pt", "expected_parameters.safetensors")]
    public void Files_that_PyTorch_wrote_hold_what_it_says(string name, string expected)
    {
        using var file = WeightFile.Open(Fixtures.Path("checkpoint-pt", name));
        using var same = WeightFile.Open(Fixtures.Path("checkpoint-pt", expected));
        Assert.That(file.Tensors.Select(t => t.Name), Is.EquivalentTo(same.Tensors.Select(t => t.Name)));
        foreach (var tensor in same.Tensors)
        {
            var read = file.Tensors.Single(t => t.Name == tensor.Name);
            Assert.That((read.DType, read.Shape), Is.EqualTo((tensor.DType, tensor.Shape)), tensor.Name);
            Assert.That(file.ReadBytes(tensor.Name), Is.EqualTo(same.ReadBytes(tensor.Name)), tensor.Name);
        }
    }

    [TestCase("malicious.pt", "posix.system", "not run")]
    [TestCase("legacy.pt", "before 1.6", "torch.save")]
    public void Files_that_PyTorch_wrote_otherwise_are_refused_by_name(string name, params string[] said)
    {
        var error = Assert.Throws<ModelException>(() => WeightFile.Open(Fixtures.Path("checkpoint-pt", name)))!.Message;
        Assert.That(error, Does.Contain(name).And.Not.Contain("\n"));
        foreach (var part in said)
            Assert.That(error, Does.Contain(part));
    }

    [TestCase(ByPython2, "archive", false)]
    [TestCase(ByPython2, "Wan2.2_VAE", true)]
    [TestCase(ByPython4, "archive", true)]
    public void A_state_dict_gives_its_tensors_as_they_lie(string pickle, string folder, bool large)
    {
        using var file = new TorchFile(directory.Write("f.pth", TorchWriter.Archive(TorchWriter.Files(Convert.FromBase64String(pickle), SmallStorages, folder), large)));
        Assert.That(file.Tensors.Select(t => t.ToString()), Is.EqualTo(["conv1.weight F32 [2, 3]", "conv1.bias F32 [2]", "mean F16 [1, 2, 3, 4]", "steps I64 []"]));
        Assert.That(file.ReadFloat32("conv1.weight"), Is.EqualTo([1f, 2, 3, 4, 5, 6]));
        Assert.That(file.ReadFloat32("conv1.bias"), Is.EqualTo([5f, 6]));
        Assert.That(file.ReadFloat32("mean"), Is.EqualTo(Enumerable.Range(300, 24).Select(i => (float)i)));
        Assert.That(file.ReadInt64("steps"), Is.EqualTo([123456789L]));
        Assert.That(file.Tensors.Select(t => t.Offset % 64), Is.EqualTo([0, 16, 600 % 64, 0]), "storages are aligned");
    }

    [Test]
    public void Every_type_of_a_storage_is_known()
    {
        var types = new[] { DType.F32, DType.F16, DType.BF16, DType.F64, DType.I64, DType.I32, DType.I16, DType.I8, DType.U8, DType.Bool };
        using var file = new TorchFile(directory.Write("f.pth", TorchWriter.File(types.Select(type => ($"{type}", type, new long[] { 3, 1 }, Enumerable.Range(0, 3 * type.Size()).Select(i => (byte)i).ToArray())))));
        Assert.That(file.Tensors.Select(t => (t.Name, t.DType)), Is.EqualTo(types.Select(type => ($"{type}", type))));
        foreach (var tensor in file.Tensors) Assert.That(file.ReadBytes(tensor.Name), Is.EqualTo(Enumerable.Range(0, 3 * tensor.DType.Size())));
    }

    [Test]
    public void Empty_tensors_and_more_than_a_thousand_of_them_are_read()
    {
        var tensors = Enumerable.Range(0, 2345).Select(i => ($"t{i}", DType.I64, new long[] { i % 3 == 0 ? 0 : 1 }, i % 3 == 0 ? [] : BitConverter.GetBytes((long)i)));
        using var file = new TorchFile(directory.Write("f.pth", TorchWriter.File(tensors)));
        Assert.That(file.Tensors, Has.Count.EqualTo(2345));
        Assert.That((file.ReadInt64("t2343"), file.ReadInt64("t2344")), Is.EqualTo((Array.Empty<long>(), new[] { 2344L })));
    }

    /// <summary>A transposed matrix and a convolution with its channels last, read whole, in pieces and by several threads.</summary>
    [Test]
    public void Tensors_that_do_not_lie_row_by_row_are_read_row_by_row()
    {
        var storages = new Dictionary<string, byte[]> { ["0"] = MemoryMarshal.AsBytes<float>([.. Enumerable.Range(0, 200).Select(i => (float)i)]).ToArray() };
        using var file = Open(
            [
                new("transposed", DType.F32, [3, 4], "0") { Offset = 7, Strides = [1, 3] },
                new("last", DType.F32, [2, 3, 1, 4, 5], "0") { Strides = [60, 1, 60, 15, 3] },
                new("column", DType.F32, [6, 1], "0") { Strides = [10, 99] },
                new("row", DType.F32, [1, 6], "0") { Strides = [99, 1] },
            ],
            storages);
        var expected = new Dictionary<string, float[]>
        {
            ["transposed"] = [.. from r in Enumerable.Range(0, 3) from c in Enumerable.Range(0, 4) select (float)(7 + r + 3 * c)],
            ["last"] = [.. from o in Enumerable.Range(0, 2) from i in Enumerable.Range(0, 3) from h in Enumerable.Range(0, 4) from w in Enumerable.Range(0, 5) select (float)(60 * o + i + 15 * h + 3 * w)],
            ["column"] = [0, 10, 20, 30, 40, 50],
            ["row"] = [0, 1, 2, 3, 4, 5],
        };
        Parallel.For(0, 64, i =>
        {
            var (name, values) = expected.ElementAt(i % expected.Count);
            Assert.That(file.ReadFloat32(name), Is.EqualTo(values), name);
            var part = new byte[8];
            file.Read(file[name], 12, part);
            Assert.That(MemoryMarshal.Cast<byte, float>(part).ToArray(), Is.EqualTo(values[3..5]), name);
        });
    }

    [TestCase("state_dict")]
    [TestCase("ema")]
    public void A_state_dict_under_a_key_is_found(string key)
    {
        using var file = new TorchFile(Write(new (object?, object?)[] { ("epoch", 3L), ("lr", 0.5), (key, TorchWriter.StateDict(Small, SmallStorages)), ("list", new List<object?> { 1L, null }) }));
        Assert.That(file.Tensors, Has.Count.EqualTo(4));
    }

    [Test]
    public void Of_several_state_dicts_the_usual_one_is_taken()
    {
        using var file = new TorchFile(Write(new (object?, object?)[] { ("ema", TorchWriter.StateDict(Small[..1], SmallStorages)), ("model", TorchWriter.StateDict(Small, SmallStorages)) }));
        Assert.That(file.Tensors, Has.Count.EqualTo(4));
        Assert.That(
            Error(Write(new (object?, object?)[] { ("ema", TorchWriter.StateDict(Small, SmallStorages)), ("generator", TorchWriter.StateDict(Small, SmallStorages)) })),
            Does.Contain("there are tensors under 2 keys: ema, generator: write the one that is meant to a file of its own"));
    }

    [Test]
    public void Without_tensors_the_keys_are_named()
    {
        Assert.That(Error(Write(new (object?, object?)[] { ("epoch", 3L), ("args", ((object?, object?)[])[("a", true)]) })), Does.EndWith("there are no tensors in it, nor under one of its keys (2 keys: epoch, args)"));
        Assert.That(Error(Write(((object?, object?)[])[])), Does.EndWith("there are no tensors in it"));
        Assert.That(Error(Write(new object?[] { 1L })), Does.Contain("not a dictionary of tensors"));
        Assert.That(Error(Write(TorchWriter.StateDict(Small, SmallStorages).Items[0].Value)), Does.Contain("a single tensor, not a dictionary"));
    }

    [Test]
    public void A_state_dicts_other_values_are_no_tensors()
    {
        var state = TorchWriter.StateDict(Small, SmallStorages);
        using var file = new TorchFile(Write(state with { Items = [.. state.Items, ("extra", new object?[] { 1L, -5L, 1L << 40, -(1L << 40), 70_000L, 1.5, "x", null, true }), (7L, 8L)] }));
        Assert.That(file.Tensors, Has.Count.EqualTo(4));
    }

    [TestCase("os", "system")]
    [TestCase("builtins", "eval")]
    [TestCase("__main__", "Model")]
    [TestCase("torch", "ComplexFloatStorage")]
    [TestCase("torch", "load")]
    [TestCase("numpy.core.multiarray", "scalar")]
    public void Every_other_name_is_refused_by_name_and_not_run(string module, string name)
    {
        var state = TorchWriter.StateDict(Small, SmallStorages);
        var called = new PythonCall(new(module, name), ["touch it"]);
        Assert.That(Error(Write(state with { Items = [("x", called), .. state.Items] })), Does.Contain($"it asks for '{module}.{name}', which no dictionary of tensors needs, and which is not run").And.Contain("f.pth: data.pkl: byte "));
        Assert.That(Error(WriteRaw([0x80, 4, 0x8c, (byte)module.Length, .. Encoding.ASCII.GetBytes(module), 0x8c, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 0x93, (byte)'.'])), Does.Contain($"'{module}.{name}'"));
    }

    private static readonly TestCaseData[] BrokenTensors =
    [
        new(new TorchTensor("w", DType.F32, [2, 4], "0"), "shape [2, 4] with strides [4, 1] from element 0 on goes outside its storage of 6 elements"),
        new(new TorchTensor("w", DType.F32, [2, 3], "0") { Offset = 1 }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [2], "0") { Offset = 7 }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [0], "0") { Offset = 7 }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [2], "0") { Offset = -1 }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [2], "0") { Offset = long.MaxValue }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [2], "0") { Strides = [-1], Offset = 3 }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [2, 2], "0") { Strides = [long.MaxValue, long.MaxValue] }, "goes outside"),
        new(new TorchTensor("w", DType.F32, [7], "0") { Strides = [0] }, "shape [7] has more elements than the 6 of its storage: write it with .contiguous()"),
        new(new TorchTensor("w", DType.F32, [1L << 40, 1L << 20], "0") { Strides = [0, 0] }, "has more elements than the 6"),
        new(new TorchTensor("w", DType.F32, [2, 2], "0") { Strides = [1] }, "2 dimensions have 1 strides"),
        new(new TorchTensor("w", DType.F32, [-2], "0"), "the shape [-2] is negative or overflows"),
        new(new TorchTensor("w", DType.F32, [1L << 40, 1L << 40], "0") { Strides = [0, 0] }, "negative or overflows"),
        new(new TorchTensor("w", DType.F32, [0, 1L << 40, 1L << 40], "0") { Strides = [0, 0, 0] }, "negative or overflows"),
        new(new TorchTensor("w", DType.F64, [1L << 60], "0") { Strides = [0] }, "negative or overflows"),
        new(new TorchTensor("w", DType.F32, [.. Enumerable.Repeat(1L, 65)], "0"), "a tensor of 65 dimensions"),
    ];

    [TestCaseSource(nameof(BrokenTensors))]
    public void A_tensor_that_is_not_within_its_storage_is_refused_by_name(TorchTensor tensor, string message)
    {
        var error = Error(Write(TorchWriter.StateDict([tensor], SmallStorages)));
        Assert.That(error, Does.Contain(message).And.StartWith(directory.File("f.pth")));
        Assert.That(error, Does.Contain(tensor.Shape.Length > 64 ? "data.pkl" : "tensor 'w': "));
    }

    [Test]
    public void Storages_that_are_missing_or_of_another_length_are_refused()
    {
        var pickle = PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages));
        Assert.That(Error(Write(pickle, SmallStorages.Where(storage => storage.Key != "1"))), Does.EndWith("tensor 'mean': its storage 'data/1' is not in the file"));
        Assert.That(Error(Write(pickle, SmallStorages.Select(s => s.Key == "0" ? new(s.Key, new byte[20]) : s))), Does.EndWith("tensor 'conv1.weight': its storage 'data/0' has 20 bytes, not the 6 elements of F32 it should have"));
        Assert.That(Error(Write(pickle, SmallStorages.Select(s => s.Key == "0" ? new(s.Key, new byte[28]) : s))), Does.Contain("28 bytes"));
        var doubled = TorchWriter.StateDict([Small[0], Small[0]], SmallStorages);
        Assert.That(Error(Write(doubled)), Does.EndWith("tensor 'conv1.weight': the name stands in the file twice"));
    }

    [TestCase("", "not a pickle")]
    [TestCase("}.", "not a pickle")]
    [TestCase("\u0080\u0006}.", "protocol 6")]
    [TestCase("\u0080\u0002", "ends in the middle")]
    [TestCase("\u0080\u0002}", "ends in the middle")]
    [TestCase("\u0080\u0002.", "0 values instead of one")]
    [TestCase("\u0080\u0002}}.", "2 values instead of one")]
    [TestCase("\u0080\u0002}(.", "instead of one")]
    [TestCase("\u0080\u0002}.more", "4 bytes behind the end")]
    [TestCase("\u0080\u0002\u0085.", "more values than there are")]
    [TestCase("\u0080\u0002}(s.", "more values than there are")]
    [TestCase("\u0080\u0002}(Nq\0", "ends in the middle")]
    [TestCase("\u0080\u0002q\0.", "more values than there are")]
    [TestCase("\u0080\u0002t.", "a mark is missing")]
    [TestCase("\u0080\u0002}(Nu.", "a key has no value")]
    [TestCase("\u0080\u0002](NNu.", "what is not a dictionary")]
    [TestCase("\u0080\u0002}(NNe.", "what is not a list")]
    [TestCase("\u0080\u0002}Na.", "what is not a list")]
    [TestCase("\u0080\u0002h\u0007.", "nothing was remembered as 7")]
    [TestCase("\u0080\u0002j\u00ff\u00ff\u00ff\u00ff.", "nothing was remembered as 4294967295")]
    [TestCase("\u0080\u0002X\u00ff\u00ff\u00ff\u00ffab.", "ends in the middle")]
    [TestCase("\u0080\u0002X\u0001\0\0\0\u00ff.", "not valid UTF-8")]
    [TestCase("\u0080\u0002\u008a\u00ff.", "an integer of 255 bytes")]
    [TestCase("\u0080\u0002ccollections", "ends in the middle")]
    [TestCase("\u0080\u0002NNR.", "something that is no function is called")]
    [TestCase("\u0080\u0002ccollections\nOrderedDict\nN\u0085R.", "OrderedDict is called with arguments it does not have")]
    [TestCase("\u0080\u0002ctorch\nSize\n)R.", "Size is called with arguments it does not have")]
    [TestCase("\u0080\u0002ctorch._utils\n_rebuild_tensor_v2\n)R.", "RebuildTensor is called with arguments it does not have")]
    [TestCase("\u0080\u0002NQ.", "what the pickle says of a storage")]
    [TestCase("\u0080\u0002NNb.", "something but a dictionary is given attributes")]
    [TestCase("\u0080\u0002i.", "the instruction 0x69")]
    [TestCase("\u0080\u0002\u0081.", "the instruction 0x81")]
    [TestCase("\u0080\u0004NN\u0093.", "a name is not text")]
    public void A_broken_pickle_is_refused_with_the_place(string pickle, string message) =>
        Assert.That(Error(WriteRaw(Encoding.Latin1.GetBytes(pickle))), Does.Contain(message).And.Match("f.pth: data.pkl: byte [0-9]+: "));

    /// <summary>Pickles made to take long or much: a list of lists of itself, a million levels, a big thing named often, and what is over the limit.</summary>
    [TestCaseSource(nameof(Bombs))]
    public void A_bomb_is_over_quickly_and_takes_little(byte[] pickle, string message)
    {
        var path = WriteRaw(pickle);
        var (memory, time) = (GC.GetAllocatedBytesForCurrentThread(), Environment.CpuUsage.TotalTime);
        Assert.That(Error(path), Does.Contain(message));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - memory, Is.LessThan(1L << 30));
        Assert.That(Environment.CpuUsage.TotalTime - time, Is.LessThan(TimeSpan.FromSeconds(20)));
    }

    private static IEnumerable<TestCaseData> Bombs()
    {
        // ]q0 ](h0 h0 ... e q1 ](h1 h1 ...: each list has the one before ten times over.
        yield return Bomb("laughs", [(byte)'}', (byte)']', (byte)'q', 0, .. Enumerable.Range(0, 200).SelectMany(i => (byte[])[(byte)']', (byte)'(', .. Repeat([(byte)'h', (byte)i], 10), (byte)'e', (byte)'q', (byte)(i + 1)]), (byte)'.'], "202 values instead of one");
        yield return Bomb("nesting", [.. Repeat([(byte)']'], 1_000_000), .. Repeat([(byte)'a'], 999_999), (byte)'.'], "not a dictionary of tensors");
        yield return Bomb("tuples", [(byte)')', .. Repeat([0x85], 2_000_000), (byte)'.'], "not a dictionary of tensors");
        yield return Bomb("lists", Repeat([(byte)']', 0x94], 4_000_000), "ends in the middle");
        yield return Bomb("marks", Repeat([(byte)'('], 8_000_000), "ends in the middle");
        // A dictionary of 300,000 entries under 300,000 keys: it must not be walked for every one of them.
        yield return Bomb("shared", [(byte)'}', (byte)'(', (byte)'N', (byte)'}', 0x94, (byte)'(', .. Repeat("K\0N"u8.ToArray(), 300_000), (byte)'u', .. Repeat([(byte)'X', 1, 0, 0, 0, (byte)'k', (byte)'h', 0], 300_000), (byte)'u', (byte)'.'], "there are no tensors in it");
        yield return Bomb("size", new byte[PickleReader.MaxBytes], "over the limit of 8388608");

        static TestCaseData Bomb(string name, byte[] body, string message) => new TestCaseData((byte[])[0x80, 4, .. body], message).SetArgDisplayNames(name);

        static byte[] Repeat(byte[] bytes, int count)
        {
            var all = new byte[bytes.Length * count];
            for (var i = 0; i < count; i++) bytes.CopyTo(all, i * bytes.Length);
            return all;
        }
    }

    [Test]
    public void Archives_that_are_no_state_dicts_are_called_what_they_are()
    {
        var pickle = PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages));
        var files = TorchWriter.Files(pickle, SmallStorages);
        Assert.That(Error(Pack(files[1..])), Does.EndWith("the archive has no FOLDER/data.pkl"));
        Assert.That(Error(Pack([.. files, ("other/data.pkl", pickle)])), Does.EndWith("the archive has more than one FOLDER/data.pkl"));
        Assert.That(Error(Pack([.. files, ("archive/constants.pkl", pickle)])), Does.Contain("a TorchScript program"));
        Assert.That(Error(Pack([.. files, files[0]])), Does.EndWith("'archive/data.pkl' is in the archive twice"));
        Assert.That(Error(Pack([files[0], ("archive/byteorder", "big"u8.ToArray()), .. files[2..]])), Does.EndWith("the byte order is 'big', not 'little'"));
        using var silent = new TorchFile(Pack([files[0], .. files[2..], ("deeper/archive/data.pkl", pickle)]));
        Assert.That(silent.Tensors, Has.Count.EqualTo(4), "PyTorch before 2.0 says nothing of the byte order");

        string Pack(IEnumerable<(string, byte[])> all) => directory.Write("f.pth", TorchWriter.Archive(all));
    }

    [Test]
    public void Archives_of_others_are_read_when_nothing_in_them_is_compressed([Values] bool compressed)
    {
        var path = directory.File("f.pth");
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Create))
            foreach (var (name, bytes) in TorchWriter.Files(PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages)), SmallStorages))
                using (var entry = archive.CreateEntry(name, compressed ? CompressionLevel.Optimal : CompressionLevel.NoCompression).Open())
                    entry.Write(bytes);
        if (compressed)
        {
            Assert.That(Error(path), Does.Contain("is compressed, which torch.save never does"));
            return;
        }
        using var file = new TorchFile(path);
        Assert.That(file.ReadFloat32("conv1.bias"), Is.EqualTo([5f, 6]));
    }

    [TestCase(8, 1, "is encrypted")]
    [TestCase(10, 8, "is compressed")]
    [TestCase(24, 1, "is compressed")]
    [TestCase(42, 0x7f, "does not begin where the directory says")]
    [TestCase(45, 0x7f, "begins outside the archive")]
    [TestCase(28, 0xff, "damaged")]
    [TestCase(0, 0, "entry 1 of 7 is none")]
    public void A_damaged_directory_is_refused(int at, byte value, string message)
    {
        var bytes = SmallFile();
        bytes[bytes.AsSpan().IndexOf("PK\u0001\u0002"u8) + at] = value;
        Assert.That(Error(directory.Write("f.pth", bytes)), Does.Contain(message));
    }

    [Test]
    public void A_file_cut_anywhere_is_refused()
    {
        var whole = TorchWriter.File([("a", DType.F64, [1], new byte[8])]);
        for (var length = 0; length < whole.Length; length++) Error(directory.Write("f.pth", whole.AsSpan(0, length)));
        Assert.That(Error(directory.Write("f.pth", whole.AsSpan(0, whole.Length / 2))), Does.EndWith("the file is truncated: the archive's directory, which is at its end, is missing"));
    }

    [Test]
    public void What_is_no_archive_is_called_by_its_name()
    {
        Assert.That(Refused(Convert.FromHexString("80028a0a6cfc9c46f9206aa85019" + "2e80024de9032e")), Does.Contain("PyTorch's format from before 1.6: write it again with a later one: torch.save(torch.load(OLD, map_location='cpu'), NEW)"));
        Assert.That(Refused("version https://git-lfs.github.com/spec/v1\n"u8), Does.Contain("not a PyTorch file but a Git LFS pointer"));
        Assert.That(Refused("<!DOCTYPE html>"u8), Does.Contain("not a PyTorch file but an HTML or XML page"));
        Assert.That(Refused([0x80, 2, 0x7d, 0x2e]), Does.Contain("it does not begin as a ZIP archive"));
        Assert.That(Refused([]), Does.Contain("it does not begin as a ZIP archive"));
        Assert.That(Error(directory.File("none.pth")), Does.Contain("there is no such file"));

        string Refused(ReadOnlySpan<byte> bytes) => Error(directory.Write("f.pth", bytes));
    }

    [Test]
    public void A_file_with_any_bytes_changed_is_refused_or_consistent([Range(0, 9)] int seed)
    {
        var whole = TorchWriter.Archive(TorchWriter.Files(PythonPickler.Dump(TorchWriter.StateDict(Small[..2], SmallStorages, "")), SmallStorages.Take(1).ToDictionary()), large: seed % 2 == 1);
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < 300; round++)
        {
            var bytes = whole.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var path = directory.Write("f.pth", bytes);
            try
            {
                using var file = new TorchFile(path);
                foreach (var tensor in file.Tensors)
                {
                    Assert.That(tensor.Offset, Is.InRange(0, bytes.Length - tensor.ByteLength));
                    Assert.That(file.ReadBytes(tensor.Name), Has.Length.EqualTo(tensor.ByteLength));
                }
            }
            catch (ModelException e)
            {
                Assert.That(e.Message, Does.StartWith(path).And.Not.Contain("\n"));
                refused++;
            }
        }
        Assert.That(refused, Is.GreaterThan(50));
    }

    [Test]
    public void Storages_beyond_4_GB_are_read_where_they_lie()
    {
        const long Hole = 5L << 30;
        var whole = TorchWriter.Archive(TorchWriter.Files(PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages)), SmallStorages), large: true);
        var path = directory.File("f.pth");
        // Everything but the beginning is moved behind a hole that takes no room on the disk, and every place with it.
        Move(whole.AsSpan(), [0x50, 0x4b, 1, 2], entry => entry + 46 + BitConverter.ToUInt16(whole, entry + 28) + 4 + 16);
        Move(whole.AsSpan(), [0x50, 0x4b, 6, 6], end => end + 48);
        Move(whole.AsSpan(), [0x50, 0x4b, 6, 7], locator => locator + 8);
        using (var stream = File.Create(path))
        {
            stream.Write("PK\x03\x04"u8);
            stream.Position = Hole;
            stream.Write(whole);
        }
        using var file = new TorchFile(path);
        Assert.That(file["steps"].Offset, Is.GreaterThan(Hole));
        Assert.That((file.ReadInt64("steps")[0], file.ReadFloat32("conv1.bias")[1]), Is.EqualTo((123456789L, 6f)));

        static void Move(Span<byte> bytes, ReadOnlySpan<byte> mark, Func<int, int> place)
        {
            for (var at = bytes.IndexOf(mark); at >= 0;)
            {
                var number = bytes.Slice(place(at), 8);
                BitConverter.TryWriteBytes(number, BitConverter.ToInt64(number) + Hole);
                var next = bytes[(at + 4)..].IndexOf(mark);
                at = next < 0 ? -1 : at + 4 + next;
            }
        }
    }

    [Test]
    public void A_refused_file_is_closed()
    {
        var path = Write(new object?[] { 1L });
        Error(path);
        using var exclusive = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.That(exclusive.CanWrite);
    }

    [TestCase("w.safetensors", typeof(SafetensorsFile))]
    [TestCase("w.pth", typeof(TorchFile))]
    [TestCase("w.PT", typeof(TorchFile))]
    [TestCase("pytorch_model.bin", typeof(TorchFile))]
    [TestCase("last.ckpt", typeof(TorchFile))]
    public void A_files_name_says_its_format(string name, Type type)
    {
        if (type == typeof(TorchFile)) directory.Write(name, SmallFile());
        else SafetensorsWriter.Write(directory.File(name), [TensorData.FromFloat32("a", [1], [1])]);
        using var file = WeightFile.Open(directory.File(name));
        Assert.That(file, Is.TypeOf(type));
    }

    private static byte[] SmallFile() => TorchWriter.Archive(TorchWriter.Files(PythonPickler.Dump(TorchWriter.StateDict(Small, SmallStorages)), SmallStorages));

    private static string Error(string path)
    {
        var message = Assert.Throws<ModelException>(() => new TorchFile(path).Dispose())!.Message;
        Assert.That(message, Does.StartWith(path).And.Not.Contain("\n"));
        return message;
    }

    private TorchFile Open(TorchTensor[] tensors, Dictionary<string, byte[]> storages) =>
        new(Write(PythonPickler.Dump(TorchWriter.StateDict(tensors, storages)), storages));

    private string Write(object? value) => WriteRaw(PythonPickler.Dump(value));

    private string WriteRaw(byte[] pickle) => Write(pickle, SmallStorages);

    private string Write(byte[] pickle, IEnumerable<KeyValuePair<string, byte[]>> storages) =>
        directory.Write("f.pth", TorchWriter.Archive(TorchWriter.Files(pickle, storages.ToDictionary())));
}
