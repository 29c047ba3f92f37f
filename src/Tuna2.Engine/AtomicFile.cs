namespace Tuna2.Engine;

/// <summary>
/// Writes a file aside and renames it into place, so that a reader sees the old file or the whole new one and a failure
/// leaves nothing half-written.
/// </summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="path"/> through <paramref name="write"/>; the file appears only when that returned.</summary>
    /// <exception cref="IOException">The folder is missing, not writable or full; no file is left behind.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the file may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        Replace(path, aside =>
        {
            using var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None);
            write(stream);
            stream.Flush(flushToDisk: true);
        });
    }

    /// <summary>
    /// Lets <paramref name="write"/> make a file at the path it is given, in the same folder; it becomes <paramref name="path"/> only
    /// when that returned. For files another program writes.
    /// </summary>
    /// <inheritdoc cref="Write"/>
    public static void Replace(string path, Action<string> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var full = Path.GetFullPath(path);
        var aside = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            write(aside);
            File.Move(aside, full, overwrite: true);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }
    }
}
