using System.CommandLine;
using System.Globalization;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>
/// Where pictures go: --output. It is settled, and found writable, before a model is loaded: an hour's work must not end at
/// a folder that is not there.
/// </summary>
internal sealed class PictureOutput
{
    /// <summary>Stands for the number of a picture, from 1, in --output.</summary>
    public const string NumberPlaceholder = "{i}";

    private static readonly string[] _otherFormats = [".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"];

    private readonly string _folder;
    private readonly IReadOnlyList<string>? _paths;

    private PictureOutput(string folder, IReadOnlyList<string>? paths) => (_folder, _paths) = (folder, paths);

    /// <summary>The option as commands show it.</summary>
    public static Option<string?> CreateOption(string defaultName) => new("--output", "-o")
    {
        Description = $"The PNG to write, or a folder to write it in; several are numbered: -1, -2 before the ending, or {NumberPlaceholder} [default: {defaultName}]",
        HelpName = "PATH",
    };

    /// <summary>Settles the names of <paramref name="count"/> pictures.</summary>
    /// <param name="output">What the user gave; null for files with names of their own in the current folder.</param>
    /// <param name="count">How many pictures there will be.</param>
    /// <exception cref="RequestException">The name is of another kind of picture.</exception>
    /// <exception cref="ImageException">There is no such folder, a folder is in the way, or the folder may not be written to.</exception>
    public static PictureOutput Open(string? output, int count)
    {
        if (output is null || Directory.Exists(output))
        {
            Probe(output ?? ".", output ?? ".");
            return new PictureOutput(output ?? "", null);
        }
        if (_otherFormats.Contains(Path.GetExtension(output), StringComparer.OrdinalIgnoreCase))
            throw new RequestException($"{output}: pictures are written as PNG; give it a name that ends in .png");
        var paths = Enumerable.Range(1, count).Select(number => Numbered(output, number, count)).ToList();
        foreach (var path in paths)
        {
            if (Directory.Exists(path))
                throw new ImageException($"cannot write {path}: a folder is in the way");
        }
        foreach (var group in paths.GroupBy(path => Path.GetDirectoryName(path) ?? ""))
            Probe(group.Key.Length == 0 ? "." : group.Key, group.First());
        return new PictureOutput("", paths);
    }

    /// <summary>The file of a picture. A name of our own never takes the place of another file.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <param name="stem">Its name where the user gave none, without the ending.</param>
    public string PathOf(int index, string stem)
    {
        if (_paths is not null)
            return _paths[index];
        for (var copy = 1; ; copy++)
        {
            var path = Path.Combine(_folder, copy == 1 ? $"{stem}.png" : $"{stem}-{copy}.png");
            if (!Path.Exists(path))
                return path;
        }
    }

    private static string Numbered(string output, int number, int count)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        if (output.Contains(NumberPlaceholder, StringComparison.Ordinal))
            return output.Replace(NumberPlaceholder, text, StringComparison.Ordinal);
        return count == 1 ? output : $"{output[..^Path.GetExtension(output).Length]}-{text}{Path.GetExtension(output)}";
    }

    /// <summary>Permissions, read-only mounts and full disks are only known by trying.</summary>
    private static void Probe(string folder, string path)
    {
        if (!Directory.Exists(folder))
            throw new ImageException($"cannot write {path}: {(File.Exists(folder) ? $"{folder} is a file, not a folder" : $"there is no folder {folder}")}");
        try
        {
            using var probe = new FileStream(Path.Combine(folder, $".tuna2-{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"cannot write {path}: {(e is UnauthorizedAccessException ? $"no permission to write in {folder}" : e.Message)}", e);
        }
    }
}
