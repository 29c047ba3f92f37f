using System.Buffers.Binary;
using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>Files from anywhere: every broken one ends in one line that names the file, before anything large is allocated.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void A_good_file_gives_its_tensors_metadata_and_bytes()
    {
        using var file = new SafetensorsFile(WriteFile(
            """  {"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[2,1],"data_offsets":[8,10]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   """,
            [0, 0, 128, 63, 0, 0, 0, 192, 7, 9]));
        Assert.That(file.Tensors.Select(t => t.ToString()), Is.EqualTo(["a F32 [2]", "b U8 [2, 1]"]));
        Assert.That(file.Metadata, Is.EqualTo(new Dictionary<string, string> { ["format"] = "pt" }));
        Assert.That(file.ReadFloat32("a"), Is.EqualTo([1f, -2f]));
        Assert.That(file.ReadBytes("b"), Is.EqualTo(new byte[] { 7, 9 }));
        Assert.That(file.Contains("a") && !file.Contains("c"));
        Assert.That(Assert.Throws<ModelException>(() => file.ReadBytes("c"))!.Message, Does.Contain("no tensor 'c'"));
    }

    [Test]
    public void Scalars_and_empty_tensors_are_tensors()
    {
        using var file = new SafetensorsFile(WriteFile(
            """{"e":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]},"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}""", [5, 0, 0, 0, 0, 0, 0, 0]));
        Assert.That(file.ReadFloat32("e"), Is.Empty);
        Assert.That(file.ReadInt64("s"), Is.EqualTo([5L]));
    }

    [Test]
    public void A_file_that_is_not_there_or_a_directory_is_one_error()
    {
        Assert.That(Error(directory.File("none.safetensors")), Does.Contain("there is no such file"));
        Assert.That(Error(directory.Path), Does.Contain("cannot be opened"));
    }

    [Test]
    public void A_file_too_short_for_a_header_is_refused([Range(0, 7)] int length) =>
        Assert.That(Error(directory.Write("f", new byte[length])), Does.Contain("too few for its header"));

    [TestCase(100_000_001UL)]
    [TestCase(ulong.MaxValue)]
    [TestCase(1UL << 63)]
    public void A_header_over_100_MB_is_refused_before_it_is_allocated(ulong length)
    {
        var path = directory.File("f");
        using (var stream = File.Create(path))
        {
            stream.Write(Length(length));
            // Sparse: the bytes are really there, so that only the limit can refuse them.
            stream.SetLength(200_000_000);
        }
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(Error(path), Does.Contain("over the format's limit"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1_000_000));
    }

    [Test]
    public void A_header_that_goes_past_the_end_is_refused_with_the_bytes_that_are_missing() =>
        Assert.That(Error(directory.Write("f", [.. Length(100), .. "{}"u8])), Does.Contain("98 bytes missing"));

    [Test]
    public void A_header_that_is_not_utf8_is_refused() =>
        Assert.That(Error(directory.Write("f", [.. Length(9), .. "{\"__\xff\":1"u8[..4], 0xFF, .. "\":1}"u8])), Does.Contain("not valid UTF-8"));

    [TestCase("")]
    [TestCase("{")]
    [TestCase("tensors")]
    [TestCase("{}{}")]
    [TestCase("{} x")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]},}")]
    [TestCase("{/* no comments */}")]
    public void A_header_that_is_not_json_is_refused(string header) => Assert.That(Error(WriteFile(header)), Does.Contain("not valid JSON"));

    [TestCase("[]")]
    [TestCase("1")]
    [TestCase("null")]
    public void A_header_that_is_not_an_object_is_refused(string header) => Assert.That(Error(WriteFile(header)), Does.Contain("not a JSON object"));

    [Test]
    public void Deep_nesting_is_refused_without_a_stack_overflow() =>
        Assert.That(Error(WriteFile("{\"a\":" + new string('[', 1_000_000))), Does.Contain("tensor 'a': the entry is not an object"));

    [Test]
    public void Nesting_inside_a_shape_is_refused() =>
        Assert.That(Error(WriteFile("{\"a\":{\"shape\":" + new string('[', 1_000_000))), Does.Contain("not a number"));

    [TestCase("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}""")]
    [TestCase("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}""")]
    [TestCase("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}""")]
    public void Two_tensors_of_one_name_are_refused(string header) =>
        Assert.That(Error(WriteFile(header, [1, 2])), Does.Contain("tensor 'a': the name stands in the header twice"));

    [TestCase("""{"__metadata__":{},"__metadata__":{}}""", "'__metadata__' twice")]
    [TestCase("""{"__metadata__":{"k":"1","\u006b":"2"}}""", "'k' twice")]
    [TestCase("""{"__metadata__":{"k":1}}""", "'k' is not a string")]
    [TestCase("""{"__metadata__":[]}""", "'__metadata__' is not an object")]
    [TestCase("""{"__metadata__":{"k":"\ud800"}}""", "not valid Unicode")]
    public void Broken_metadata_is_refused(string header, string message) => Assert.That(Error(WriteFile(header)), Does.Contain(message));

    [TestCase("""{"shape":[2],"data_offsets":[0,2]}""", "'dtype' is missing")]
    [TestCase("""{"dtype":"U8","data_offsets":[0,2]}""", "'shape' is missing")]
    [TestCase("""{"dtype":"U8","shape":[2]}""", "'data_offsets' is missing")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[0,2],"strides":[1]}""", "a field 'strides'")]
    [TestCase("""{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}""", "'dtype' twice")]
    [TestCase("""{"dtype":"U8","shape":[2],"shape":[2],"data_offsets":[0,2]}""", "'shape' twice")]
    [TestCase("""{"dtype":"FLOAT","shape":[2],"data_offsets":[0,2]}""", "unknown dtype 'FLOAT'")]
    [TestCase("""{"dtype":"u8","shape":[2],"data_offsets":[0,2]}""", "unknown dtype 'u8'")]
    [TestCase("""{"dtype":8,"shape":[2],"data_offsets":[0,2]}""", "'dtype' is not a string")]
    [TestCase("""{"dtype":"U8","shape":2,"data_offsets":[0,2]}""", "'shape' is not an array")]
    [TestCase("""{"dtype":"U8","shape":["2"],"data_offsets":[0,2]}""", "'shape' holds something that is not a number")]
    [TestCase("""{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}""", "'shape' holds 2.0")]
    [TestCase("""{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}""", "'shape' holds -2")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[0]}""", "not a pair")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[0,2,2]}""", "not a pair")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[-1,2]}""", "'data_offsets' holds -1")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[0,2e0]}""", "'data_offsets' holds 2e0")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551618]}""", "'data_offsets' holds 18446744073709551618")]
    [TestCase("""{"dtype":"U8","shape":[2],"data_offsets":[2,0]}""", "run backwards")]
    [TestCase("""{"dtype":"U8","shape":[1],"data_offsets":[1,2]}""", "leave a hole")]
    [TestCase("""{"dtype":"U8","shape":[3],"data_offsets":[0,2]}""", "U8 [3] takes 3 bytes, the offsets 0..2 give it 2")]
    [TestCase("""{"dtype":"F32","shape":[2],"data_offsets":[0,2]}""", "F32 [2] takes 8 bytes")]
    [TestCase("""{"dtype":"U8","shape":[4611686018427387904,4],"data_offsets":[0,0]}""", "overflows")]
    [TestCase("""{"dtype":"U8","shape":[0,9223372036854775808,4],"data_offsets":[0,0]}""", "overflows")]
    [TestCase("""{"dtype":"U8","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}""", "overflows")]
    [TestCase("""{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}""", "overflows")]
    [TestCase("[]", "the entry is not an object")]
    public void A_broken_entry_is_refused_by_name(string entry, string message)
    {
        var error = Error(WriteFile($$"""{"w":{{entry}}}""", [1, 2]));
        Assert.That(error, Does.Contain("tensor 'w': ").And.Contain(message));
        Assert.That(error, Does.StartWith(directory.File("f")).And.Not.Contain("\n"));
    }

    [TestCase(0, 4, 3, 7, "overlap")]
    [TestCase(0, 4, 0, 4, "overlap")]
    [TestCase(0, 4, 5, 9, "hole")]
    public void Overlaps_and_holes_between_tensors_are_refused(int aBegin, int aEnd, int bBegin, int bEnd, string message) =>
        Assert.That(
            Error(WriteFile($$"""{"a":{"dtype":"F32","shape":[],"data_offsets":[{{aBegin}},{{aEnd}}]},"b":{"dtype":"F32","shape":[],"data_offsets":[{{bBegin}},{{bEnd}}]} }""", new byte[16])),
            Does.Contain(message));

    [TestCase(7, "1 byte missing")]
    [TestCase(0, "8 bytes missing")]
    [TestCase(9, "1 byte too many")]
    [TestCase(50, "42 bytes too many")]
    public void Bytes_missing_or_behind_the_tensors_are_counted(int bytes, string message) =>
        Assert.That(Error(WriteFile("""{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}""", new byte[bytes])), Does.Contain(message));

    [Test]
    public void A_file_cut_anywhere_is_refused()
    {
        var whole = File.ReadAllBytes(WriteFile("""{"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}""", new byte[8]));
        for (var length = 0; length < whole.Length; length++) Error(directory.Write("cut", whole.AsSpan(0, length)));
    }

    [TestCase("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer")]
    [TestCase("<!DOCTYPE html><html></html>", "an HTML or XML page")]
    [TestCase("\n  <html></html>", "an HTML or XML page")]
    [TestCase("GGUF\x3\0\0\0\0\0\0\0", "a GGUF file")]
    [TestCase("PK\x3\x4\x14\0\0\0\b\b\0\0", "a ZIP archive")]
    public void What_people_have_in_place_of_weights_is_called_by_its_name(string content, string name) =>
        Assert.That(Error(directory.Write("f", Encoding.UTF8.GetBytes(content))), Does.Contain("not a safetensors file but " + name));

    [Test]
    public void A_name_with_line_breaks_or_of_a_megabyte_still_makes_one_short_line()
    {
        foreach (var name in new[] { "a\\n\\u001b[31mb", new string('x', 1_000_000) })
        {
            var error = Error(WriteFile($"{{\"{name}\":1}}"));
            Assert.That(error.Any(char.IsControl), Is.False);
            Assert.That(error, Has.Length.LessThan(directory.Path.Length + 300));
        }
    }

    [Test]
    public void A_file_with_any_bytes_changed_is_refused_or_consistent([Range(0, 9)] int seed)
    {
        var whole = File.ReadAllBytes(WriteFile(
            """{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"U8","shape":[4],"data_offsets":[24,28]}}""", new byte[28]));
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < 300; round++)
        {
            var bytes = whole.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length - 28)] = (byte)random.Next(256);
            var path = directory.Write("changed", bytes);
            try
            {
                using var file = new SafetensorsFile(path);
                Assert.That(file.Tensors.Sum(tensor => tensor.ByteLength), Is.EqualTo(28));
                foreach (var tensor in file.Tensors) file.ReadBytes(tensor.Name);
            }
            catch (ModelException)
            {
                refused++;
            }
        }
        Assert.That(refused, Is.GreaterThan(100));
    }

    [Test]
    public void A_million_tensors_open_in_bounded_time_and_memory()
    {
        const int Count = 1_000_000;
        var header = new StringBuilder("{");
        for (var i = 0; i < Count; i++)
            header.Append(i == 0 ? "" : ",").Append("\"t").Append(i).Append("\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[").Append(i).Append(',').Append(i + 1).Append("]}");
        header.Append('}');
        var path = WriteFile(header.ToString(), new byte[Count]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var file = new SafetensorsFile(path);
        Assert.That(file.Tensors, Has.Count.EqualTo(Count));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1L << 30));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)));
    }

    [Test]
    public void Tensors_beyond_4_GB_are_read_where_they_lie()
    {
        const long Size = 5L << 30;
        var header = Encoding.UTF8.GetBytes(
            $$"""{"big":{"dtype":"U8","shape":[{{Size}}],"data_offsets":[0,{{Size}}]},"last":{"dtype":"I64","shape":[1],"data_offsets":[{{Size}},{{Size + 8}}]} }""");
        var path = directory.File("f");
        using (var stream = File.Create(path))
        {
            stream.Write(Length((ulong)header.Length));
            stream.Write(header);
            // Sparse: five gigabytes that take no room on the disk.
            stream.Position = 8 + header.Length + Size - 1;
            stream.WriteByte(77);
            stream.Write(BitConverter.GetBytes(123456789L));
        }
        using var file = new SafetensorsFile(path);
        Assert.That(file.ReadInt64("last"), Is.EqualTo([123456789L]));
        var end = new byte[2];
        file.Read(file["big"], Size - 2, end);
        Assert.That(end, Is.EqualTo(new byte[] { 0, 77 }));
        Assert.That(Assert.Throws<ModelException>(() => file.ReadBytes("big"))!.Message, Does.Contain("too large for one array"));
    }

    [Test]
    public unsafe void Native_memory_receives_the_same_bytes()
    {
        using var file = new SafetensorsFile(WriteFile("""{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}""", [1, 2, 3, 4, 5, 6]));
        var bytes = stackalloc byte[4];
        file.Read(file["a"], 1, bytes, 4);
        Assert.That(new Span<byte>(bytes, 4).ToArray(), Is.EqualTo(new byte[] { 2, 3, 4, 5 }));
    }

    [Test]
    public unsafe void Native_memory_of_many_pieces_is_filled_in_order()
    {
        const long Size = 150 << 20;
        var header = Encoding.UTF8.GetBytes($$"""{"a":{"dtype":"U8","shape":[{{Size}}],"data_offsets":[0,{{Size}}]} }""");
        var path = directory.File("f");
        var random = new Random(1);
        var marks = Enumerable.Range(0, 200).Select(_ => random.NextInt64(Size)).Concat([0, (64 << 20) - 1, 64 << 20, 128 << 20, Size - 1]).Distinct().ToList();
        using (var stream = File.Create(path))
        {
            stream.Write(Length((ulong)header.Length));
            stream.Write(header);
            stream.SetLength(8 + header.Length + Size);
            foreach (var mark in marks)
            {
                stream.Position = 8 + header.Length + mark;
                stream.WriteByte((byte)(mark % 255 + 1));
            }
        }
        using var file = new SafetensorsFile(path);
        var memory = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)Size);
        try
        {
            file.Read(file["a"], 0, memory, Size);
            foreach (var mark in marks) Assert.That(memory[mark], Is.EqualTo((byte)(mark % 255 + 1)));
            Assert.That(new ReadOnlySpan<byte>(memory, (int)Size).Count((byte)0), Is.EqualTo(Size - marks.Count));
        }
        finally
        {
            System.Runtime.InteropServices.NativeMemory.Free(memory);
        }
    }

    [TestCase(-1, 1)]
    [TestCase(0, 7)]
    [TestCase(6, 1)]
    [TestCase(7, 0)]
    [TestCase(long.MaxValue, 1)]
    public void Reading_outside_a_tensor_is_refused(long offset, int length)
    {
        using var file = new SafetensorsFile(WriteFile("""{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}""", [1, 2, 3, 4, 5, 6]));
        Assert.That(() => file.Read(file["a"], offset, new byte[length]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_tensor_of_another_file_is_refused()
    {
        var path = WriteFile("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", [1]);
        using var file = new SafetensorsFile(path);
        using var other = new SafetensorsFile(path);
        Assert.That(() => file.Read(other["a"], 0, new byte[1]), Throws.ArgumentException);
    }

    [Test]
    public void A_file_cut_while_open_ends_in_an_error_that_names_the_tensor()
    {
        var path = WriteFile("""{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}""", [1, 2, 3, 4, 5, 6]);
        using var file = new SafetensorsFile(path);
        using (var cut = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) cut.SetLength(cut.Length - 2);
        Assert.That(
            Assert.Throws<ModelException>(() => file.ReadBytes("a"))!.Message,
            Does.Contain(path).And.Contain("tensor 'a'").And.Contain("2 bytes early"));
    }

    [Test]
    public void Floats_of_every_width_widen_to_the_same_numbers()
    {
        byte[] bf16 = [0xC0, 0x3F, 0x80, 0xFF], f16 = [0x00, 0x3E, 0x01, 0x00];
        var f64 = new byte[16];
        BinaryPrimitives.WriteDoubleLittleEndian(f64, 1.5);
        BinaryPrimitives.WriteDoubleLittleEndian(f64.AsSpan(8), 0.1);
        using var file = new SafetensorsFile(WriteFile(
            """{"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},"h":{"dtype":"F16","shape":[2],"data_offsets":[20,24]},"i":{"dtype":"I8","shape":[1],"data_offsets":[24,25]}}""",
            [.. f64, .. bf16, .. f16, 3]));
        Assert.That(file.ReadFloat32("d"), Is.EqualTo([1.5f, 0.1f]));
        Assert.That(file.ReadFloat32("b"), Is.EqualTo([1.5f, float.NegativeInfinity]));
        Assert.That(file.ReadFloat32("h"), Is.EqualTo([1.5f, MathF.Pow(2, -24)]));
        Assert.That(Assert.Throws<ModelException>(() => file.ReadFloat32("i"))!.Message, Does.Contain("'i' is I8"));
        Assert.That(Assert.Throws<ModelException>(() => file.ReadInt64("d"))!.Message, Does.Contain("'d' is F64"));
    }

    [Test]
    public void A_refused_file_is_closed()
    {
        var path = WriteFile("not json");
        Error(path);
        // Exclusive: fails while anyone in this process holds the file.
        using var exclusive = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.That(exclusive.CanWrite);
    }

    [Test]
    public void Reading_after_disposal_is_an_ObjectDisposedException()
    {
        var file = new SafetensorsFile(WriteFile("""{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", [1]));
        file.Dispose();
        file.Dispose();
        Assert.That(() => file.ReadBytes("a"), Throws.InstanceOf<ObjectDisposedException>());
    }

    private static byte[] Length(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static string Error(string path) => Assert.Throws<ModelException>(() => new SafetensorsFile(path).Dispose())!.Message;

    private string WriteFile(string header, byte[]? data = null)
    {
        var json = Encoding.UTF8.GetBytes(header);
        return directory.Write("f", [.. Length((ulong)json.Length), .. json, .. data ?? []]);
    }
}
