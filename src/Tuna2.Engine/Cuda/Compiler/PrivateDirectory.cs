using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>A folder nobody else can put files into: what lies there will be run.</summary>
internal static class PrivateDirectory
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the folder if it is not there, open to its owner alone.</summary>
    /// <returns>Null, or why it cannot be used or trusted.</returns>
    public static string? Open(string path)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                // Folders under the user's profile inherit its access list; elsewhere it is the choice of who set the variable.
                Directory.CreateDirectory(path);
                return null;
            }
            if (!Directory.Exists(path))
                Directory.CreateDirectory(path, Owner);
            if ((File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
                return $"{path} can be written by others";
            if (OperatingSystem.IsLinux() && Libc.Owner(path) != Libc.geteuid())
                return $"{path} belongs to another user";
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return $"{path}: {OneLine.Of(e.Message)}";
        }
    }
}
