using System.Buffers.Binary;
using System.Text;

namespace Tuna2.Engine.Weights;

/// <summary>Reads bytes of a file at a position, all of them or none.</summary>
internal delegate void FileReader(string what, long offset, Span<byte> destination);

/// <summary>
/// Where the files of a ZIP archive lie in it (APPNOTE.TXT 4.3, ZIP64 included). <see cref="System.IO.Compression.ZipArchive"/> lists
/// names and lengths and hands out streams, but not where a file's bytes begin, and tensors are read by position from several threads.
/// </summary>
/// <remarks>
/// The central directory alone is believed: PyTorch's writer leaves the lengths in the local headers empty, and pads them so
/// that storages are aligned. Checksums are not looked at, as PyTorch may be told to write none.
/// </remarks>
internal sealed class ZipDirectory
{
    private const uint EndMark = 0x06054b50, End64Mark = 0x06064b50, Locator64Mark = 0x07064b50, EntryMark = 0x02014b50, LocalMark = 0x04034b50;
    private const int EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20, EntryBytes = 46, LocalBytes = 30;
    private const int MaxComment = ushort.MaxValue;

    /// <summary>A directory of that size lists 300,000 files: more than any checkpoint has, and no burden on memory.</summary>
    private const long MaxBytes = 16 << 20;

    private readonly string path;
    private readonly FileReader read;
    private readonly Dictionary<string, Entry> entries = [];
    private long directoryStart;

    private ZipDirectory(string path, FileReader read) => (this.path, this.read) = (path, read);

    /// <summary>The names of the files, in the order of the directory.</summary>
    public IEnumerable<string> Names => entries.Keys;

    /// <summary>Reads the directory of a file of so many bytes.</summary>
    /// <exception cref="ModelException">It has none, it is damaged, or larger than any checkpoint's.</exception>
    public static ZipDirectory Read(string path, long length, FileReader read)
    {
        var directory = new ZipDirectory(path, read);
        directory.ReadEntries(length);
        return directory;
    }

    /// <summary>Whether there is a file of that name.</summary>
    public bool Contains(string name) => entries.ContainsKey(name);

    /// <summary>Where the bytes of a file begin, and how many they are; null when there is no such file.</summary>
    /// <exception cref="ModelException">They are compressed or encrypted, or not where the directory says.</exception>
    public (long Offset, long Length)? Find(string name)
    {
        if (!entries.TryGetValue(name, out var entry)) return null;
        if ((entry.Flags & 1) != 0) throw Error(name, "is encrypted");
        if (entry.Method != 0 || entry.Packed != entry.Length)
            throw Error(name, "is compressed, which torch.save never does: unpack the archive and pack it again without compression (zip -0)");
        if (entry.Local > directoryStart - LocalBytes) throw Error(name, "begins outside the archive");
        Span<byte> local = stackalloc byte[LocalBytes];
        read($"the header of '{OneLine.Of(name)}'", entry.Local, local);
        if (BinaryPrimitives.ReadUInt32LittleEndian(local) != LocalMark) throw Error(name, "does not begin where the directory says");
        var offset = entry.Local + LocalBytes + BinaryPrimitives.ReadUInt16LittleEndian(local[26..]) + BinaryPrimitives.ReadUInt16LittleEndian(local[28..]);
        if (offset > directoryStart || entry.Length > directoryStart - offset) throw Error(name, "goes past the end of the archive's files");
        return (offset, entry.Length);
    }

    private void ReadEntries(long length)
    {
        var (count, bytes, start) = FindDirectory(length);
        directoryStart = start;
        if (bytes > MaxBytes) throw Error($"the archive's directory of {bytes} bytes is over the limit of {MaxBytes}");
        var directory = new byte[bytes];
        read("the archive's directory", start, directory);
        var rest = directory.AsSpan();
        for (long i = 0; i < count; i++)
        {
            if (rest.Length < EntryBytes || BinaryPrimitives.ReadUInt32LittleEndian(rest) != EntryMark)
                throw Error($"the archive's directory is damaged: entry {i + 1} of {count} is none");
            int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[28..]), extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[30..]);
            var all = EntryBytes + nameBytes + extraBytes + BinaryPrimitives.ReadUInt16LittleEndian(rest[32..]);
            if (rest.Length < all) throw Error($"the archive's directory is damaged: entry {i + 1} of {count} goes past its end");
            var name = Encoding.UTF8.GetString(rest.Slice(EntryBytes, nameBytes));
            if (!entries.TryAdd(name, ReadEntry(name, rest, rest.Slice(EntryBytes + nameBytes, extraBytes)))) throw Error(name, "is in the archive twice");
            rest = rest[all..];
        }
        if (rest.Length > 0) throw Error($"the archive's directory is damaged: {OneLine.Bytes(rest.Length)} behind its last entry");
    }

    private Entry ReadEntry(string name, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra)
    {
        long packed = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]), length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
        long local = BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]);
        var large = Zip64(extra);
        // Only what did not fit is in the extra field, in this order.
        length = Large(name, length, ref large);
        packed = Large(name, packed, ref large);
        local = Large(name, local, ref large);
        return new Entry(BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]), packed, length, local);
    }

    /// <summary>The ZIP64 field among an entry's extra fields; empty when there is none.</summary>
    private static ReadOnlySpan<byte> Zip64(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            var size = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]), extra.Length - 4);
            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1) return extra.Slice(4, size);
            extra = extra[(4 + size)..];
        }
        return [];
    }

    private long Large(string name, long number, ref ReadOnlySpan<byte> large)
    {
        if (number != uint.MaxValue) return number;
        if (large.Length < sizeof(long)) throw Error(name, "has lengths of 64 bits that are missing");
        number = BinaryPrimitives.ReadInt64LittleEndian(large);
        large = large[sizeof(long)..];
        return number >= 0 ? number : throw Error(name, "has a length or place over 2^63");
    }

    private (long Count, long Bytes, long Start) FindDirectory(long length)
    {
        var tail = new byte[Math.Min(length, EndBytes + MaxComment)];
        read("the archive's end", length - tail.Length, tail);
        var at = tail.Length - EndBytes;
        while (at >= 0 && !IsEnd(tail.AsSpan(at))) at--;
        if (at < 0) throw Error("the file is truncated: the archive's directory, which is at its end, is missing");
        var end = tail.AsSpan(at);
        var endAt = length - tail.Length + at;
        long count = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]), bytes = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), start = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (endAt >= Locator64Bytes)
        {
            Span<byte> locator = stackalloc byte[Locator64Bytes];
            read("the archive's end", endAt - Locator64Bytes, locator);
            if (BinaryPrimitives.ReadUInt32LittleEndian(locator) == Locator64Mark)
            {
                endAt -= Locator64Bytes;
                (count, bytes, start, endAt) = ReadEnd64(BinaryPrimitives.ReadInt64LittleEndian(locator[8..]), endAt);
            }
        }
        if (count < 0 || bytes < 0 || start < 0 || start > endAt || bytes > endAt - start) throw Error("the archive's directory is damaged: it lies outside the file");
        return (count, bytes, start);
    }

    private (long Count, long Bytes, long Start, long EndAt) ReadEnd64(long at, long before)
    {
        if (at < 0 || at > before - End64Bytes) throw Error("the archive's directory is damaged: its end lies outside the file");
        Span<byte> end = stackalloc byte[End64Bytes];
        read("the archive's end", at, end);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != End64Mark) throw Error("the archive's directory is damaged: its end is not where it should be");
        return (BinaryPrimitives.ReadInt64LittleEndian(end[32..]), BinaryPrimitives.ReadInt64LittleEndian(end[40..]), BinaryPrimitives.ReadInt64LittleEndian(end[48..]), at);
    }

    // The mark may stand in a comment or in weights, too: the comment's length has to fit as well.
    private static bool IsEnd(ReadOnlySpan<byte> end) =>
        BinaryPrimitives.ReadUInt32LittleEndian(end) == EndMark && BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) == end.Length - EndBytes;

    private ModelException Error(string name, string what) => Error($"'{OneLine.Of(name)}' {what}");

    private ModelException Error(string what) => new($"{path}: {what}");

    private readonly record struct Entry(ushort Flags, ushort Method, long Packed, long Length, long Local);
}
