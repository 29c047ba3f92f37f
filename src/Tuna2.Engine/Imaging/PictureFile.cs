using System.Security;

namespace Tuna2.Engine.Imaging;

/// <summary>Reads and writes picture files so that whatever the file system refuses becomes one line that names the file.</summary>
internal static class PictureFile
{
    /// <summary>The largest file or stream read, in bytes.</summary>
    private const int MaxBytes = 1 << 30;

    public static T Read<T>(string path, Func<Stream, T> read)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var file = Open(path);
        try
        {
            return read(file);
        }
        catch (IOException e)
        {
            throw new ImageException($"{path}: cannot be read: {Reason(e)}", e);
        }
    }

    /// <summary>A stream's bytes from its position to its end.</summary>
    public static ReadOnlyMemory<byte> ReadAll(Stream stream, string name)
    {
        using var copy = new MemoryStream();
        var part = new byte[81920];
        for (int read; (read = stream.Read(part)) > 0;)
        {
            if (copy.Length + read > MaxBytes) throw new ImageException($"{name}: larger than {MaxBytes >> 20} MiB");
            copy.Write(part, 0, read);
        }
        return copy.GetBuffer().AsMemory(0, (int)copy.Length);
    }

    /// <summary>Writes a file; it appears whole or not at all.</summary>
    public static void Write(string path, byte[] content) => Refused(path, () => AtomicFile.Write(path, stream => stream.Write(content)));

    /// <summary>Lets somebody else write a file at the path it is given, which then takes the file's place; it appears whole or not at all.</summary>
    public static void Replace(string path, Action<string> write) => Refused(path, () => AtomicFile.Replace(path, write));

    private static void Refused(string path, Action write)
    {
        if (Directory.Exists(path)) throw new ImageException($"cannot write {path}: it is a folder");
        try
        {
            write();
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new ImageException($"cannot write {path}: {Reason(e)}", e);
        }
    }

    private static FileStream Open(string path)
    {
        if (Directory.Exists(path)) throw new ImageException($"{path}: a folder, not a picture");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"{path}: no such file", e);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new ImageException($"{path}: cannot be read: {Reason(e)}", e);
        }
    }

    /// <summary>What .NET throws for a path it cannot use: malformed, forbidden, or failing.</summary>
    private static bool IsRefusal(Exception e)
        => e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException or NotSupportedException;

    /// <summary>Why, in words that do not repeat the path.</summary>
    private static string Reason(Exception e) => e switch
    {
        DirectoryNotFoundException => "no such folder",
        UnauthorizedAccessException => "permission denied",
        _ => e.Message,
    };
}
