using System.Security;

namespace Tuna2.Engine.Imaging;

/// <summary>Opens picture files so that whatever the file system refuses becomes one line that names the file.</summary>
internal static class PictureFile
{
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
    public static bool IsRefusal(Exception e)
        => e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException or NotSupportedException;

    /// <summary>Why, in words that do not repeat the path.</summary>
    public static string Reason(Exception e) => e switch
    {
        DirectoryNotFoundException => "no such folder",
        UnauthorizedAccessException => "permission denied",
        _ => e.Message,
    };
}
