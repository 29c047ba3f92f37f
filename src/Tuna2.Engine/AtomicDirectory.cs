namespace Tuna2.Engine;

/// <summary>
/// Fills a directory aside and renames it into place, so that it is there whole or not at all: what a failure, a full disk or a
/// cancelled call had written is removed.
/// </summary>
public static class AtomicDirectory
{
    /// <summary>Makes <paramref name="path"/> through <paramref name="fill"/>, which is given the directory to write in.</summary>
    /// <param name="path">The directory; it may exist only if it is empty.</param>
    /// <param name="fill">Writes the files; the directory appears only when it returned.</param>
    /// <exception cref="IOException">It exists and is not empty, its parent is missing or not writable, or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The parent may not be written to.</exception>
    public static void Write(string path, Action<string> fill)
    {
        ArgumentNullException.ThrowIfNull(fill);
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        Check(path, full);
        var aside = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(aside);
            fill(aside);
            Check(path, full);
            if (Directory.Exists(full))
                Directory.Delete(full);
            Directory.Move(aside, full);
        }
        catch
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            throw;
        }
    }

    /// <summary>Whether a directory can be made there: asked before hours of work, and again when they are over.</summary>
    private static void Check(string path, string full)
    {
        if (Path.GetDirectoryName(full) is not { } parent)
            throw new IOException($"cannot write {path}: a file system's root is no place for one model");
        if (File.Exists(full))
            throw new IOException($"cannot write {path}: there is a file of that name");
        if (Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any())
            throw new IOException($"cannot write {path}: the directory is not empty");
        if (!Directory.Exists(parent))
            throw new IOException($"cannot write {path}: there is no folder {parent}");
    }
}
