using System.Security;

namespace Tuna2.Engine.Imaging;

/// <summary>Opens picture files so that whatever the file system refuses becomes one line that names the file.</summary>
internal static class PictureFile
{
    public static T Read<T>(string path, Func<Stream, T> read)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            if (Directory.Exists(path)) throw new ImageException($"{path}: a folder, not a picture");
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return read(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"{path}: no such file", e);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new ImageException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>What .NET throws for a path it cannot use: malformed, forbidden, or failing.</summary>
    public static bool IsRefusal(Exception e)
        => e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException or NotSupportedException;
}
