using System.Globalization;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Output;

/// <summary>
/// Where pictures go. It is settled, and found writable, before a model is loaded: an hour's work must not end at a folder
/// that is not there.
/// </summary>
internal sealed class PictureOutput
{
    /// <summary>Stands for the number of a picture, from 1, in --output.</summary>
    public const string NumberPlaceholder = "{i}";

    private readonly ImageWriteOptions _options;
    private readonly Func<Stream>? _stream;
    private readonly string _folder = "";
    private readonly Dictionary<int, string> _paths = [];

    private PictureOutput(ImageFormat format, int? quality, Func<Stream>? stream = null)
    {
        (Format, _stream) = (format, stream);
        _options = quality is { } given ? new() { Quality = given } : new();
    }

    private PictureOutput(ImageFormat format, int? quality, string folder) : this(format, quality) => _folder = folder;

    /// <summary>What the pictures are written as.</summary>
    public ImageFormat Format { get; }

    /// <summary>Whether pictures go to standard output, which then has no room for anything else.</summary>
    public bool IsStream => _stream is not null;

    /// <summary>One picture into a stream.</summary>
    public static PictureOutput ToStream(Func<Stream> stream, ImageFormat format, int? quality) => new(format, quality, stream);

    /// <summary>Settles the names of <paramref name="count"/> pictures.</summary>
    /// <param name="output">What the user gave; null for files with names of their own in the current folder.</param>
    /// <param name="format">What the user wants written; null for what the names' ending says.</param>
    /// <param name="quality">What the user wants of a lossy format; null for the default.</param>
    /// <param name="count">How many pictures there will be.</param>
    /// <exception cref="RequestException">The name's ending is of no picture, or of another format than asked for.</exception>
    /// <exception cref="ImageException">There is no such folder, a folder is in the way, or the folder may not be written to.</exception>
    public static PictureOutput Open(string? output, ImageFormat? format, int? quality, int count)
    {
        if (output is null || Directory.Exists(output))
        {
            Probe(output ?? ".", output ?? ".");
            return new PictureOutput(format ?? ImageFormat.Png, quality, output ?? "");
        }
        if (output.Length == 0)
            throw new RequestException("--output is empty");
        if (File.Exists(output) && Path.GetFullPath(output).StartsWith("/dev/", StringComparison.Ordinal))
            throw new RequestException($"{output} is a device; -o - writes to standard output");
        var result = new PictureOutput(FormatOf(output, format), quality);
        for (var index = 0; index < count; index++)
        {
            var path = Numbered(output, index + 1, count);
            if (Directory.Exists(path))
                throw new ImageException($"cannot write {path}: a folder is in the way");
            result._paths.Add(index, path);
        }
        foreach (var group in result._paths.Values.GroupBy(path => Path.GetDirectoryName(path) ?? ""))
            Probe(group.Key.Length == 0 ? "." : group.Key, group.First());
        return result;
    }

    /// <summary>Writes a picture.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <param name="picture">The picture.</param>
    /// <returns>The file's path, or what standard output is called.</returns>
    /// <exception cref="ImageException">It cannot be written.</exception>
    /// <exception cref="IOException">Standard output takes no more.</exception>
    public string Save(int index, GeneratedImage picture)
    {
        if (_stream is null)
        {
            var path = PathOf(index, picture.Parameters.Seed, picture.Parameters.Task);
            picture.Save(path, Format, _options);
            return path;
        }
        var bytes = picture.Encode(Format, _options);
        using var stream = _stream();
        stream.Write(bytes);
        stream.Flush();
        return "standard output";
    }

    /// <summary>The file of a preview, beside its picture's: NAME-preview-STEP.png.</summary>
    public string PreviewPath(GenerationProgress progress, string task)
    {
        return PreviewPath(PathOf(progress.Image, progress.Seed, task), progress);
    }

    /// <summary>The file of a preview of what goes to a path.</summary>
    internal static string PreviewPath(string path, GenerationProgress progress)
    {
        var digits = progress.Steps.ToString(CultureInfo.InvariantCulture).Length;
        var step = progress.Step.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
        return $"{path[..^Path.GetExtension(path).Length]}-preview-{step}{ImageFormat.Png.Ending()}";
    }

    /// <summary>The file of a picture. A name of our own never takes the place of another file.</summary>
    private string PathOf(int index, long? seed, string task)
    {
        if (_paths.TryGetValue(index, out var known))
            return known;
        var stem = seed is { } number ? string.Create(CultureInfo.InvariantCulture, $"tuna2-{number}") : $"tuna2-{task}";
        return _paths[index] = Free(_folder, stem, Format.Ending(), _paths.Values);
    }

    /// <summary>The first of NAME, NAME-2, NAME-3, ... that no file has, and none that is yet to be written.</summary>
    internal static string Free(string folder, string stem, string ending, IReadOnlyCollection<string>? promised = null)
    {
        for (var copy = 1; ; copy++)
            if (Path.Combine(folder, $"{(copy == 1 ? stem : $"{stem}-{copy}")}{ending}") is var path && !Path.Exists(path) && promised?.Contains(path) != true)
                return path;
    }

    private static ImageFormat FormatOf(string output, ImageFormat? asked)
    {
        if (asked is not { } format)
            return ImageFormats.OfPath(output) ?? ImageFormat.Png;
        // An ending nobody knows is part of the name when the user says what to write.
        ImageFormat? ending;
        try
        {
            ending = ImageFormats.OfPath(output);
        }
        catch (RequestException)
        {
            ending = null;
        }
        return ending is null || ending == format ? format : throw new RequestException($"{output}: the name is that of a {ending.Value.Name()}, but --format asks for {format.Name()}");
    }

    private static string Numbered(string output, int number, int count)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        if (output.Contains(NumberPlaceholder, StringComparison.Ordinal))
            return output.Replace(NumberPlaceholder, text, StringComparison.Ordinal);
        return count == 1 ? output : $"{output[..^Path.GetExtension(output).Length]}-{text}{Path.GetExtension(output)}";
    }

    /// <summary>Permissions, read-only mounts and full disks are only known by trying.</summary>
    internal static void Probe(string folder, string path)
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
