using System.Globalization;
using System.Text.Json;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Output;

/// <summary>What a picture file says of itself: its size, and how it was made.</summary>
internal sealed class PictureDescription
{
    private readonly string _path;
    private readonly ImageFormat _format;
    private readonly RgbImage _image;
    private readonly ImageRecipe? _recipe;

    private PictureDescription(string path, byte[] file)
    {
        _path = path;
        _format = ImageFormats.OfContent(file) ?? throw new ImageException($"{path}: {(file.Length == 0 ? "empty" : "not a picture that says how it was made (PNG, JPEG or WebP expected)")}");
        _image = RgbImage.FromBytes(file, path);
        try
        {
            var texts = ImageText.FromBytes(file, path);
            if (texts.Any(text => text.Key is GenerationParameters.JsonKeyword or GenerationParameters.TextKeyword))
                _recipe = ImageRecipe.Of(texts, path);
        }
        catch (ImageException e)
        {
            Problem = e.Message;
        }
    }

    /// <summary>What is wrong with what it says of how it was made; null when nothing is, or it says nothing.</summary>
    public string? Problem { get; }

    /// <summary>Whether a file is a picture that can say how it was made.</summary>
    public static bool IsPicture(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            Span<byte> head = stackalloc byte[12];
            // What is read from a pipe here would be missing later.
            return file.CanSeek && ImageFormats.OfContent(head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]) is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A folder, or nothing to read: whoever opens it in earnest says what is wrong.
            return false;
        }
    }

    /// <summary>Reads a picture and its texts.</summary>
    /// <exception cref="ImageException">It is damaged.</exception>
    public static PictureDescription Of(string path) => new(path, File.ReadAllBytes(path));

    /// <summary>Reads a picture and its texts from a stream.</summary>
    /// <exception cref="ImageException">It is no picture, or damaged.</exception>
    public static PictureDescription Of(Stream stream, string name)
    {
        using var file = new MemoryStream();
        stream.CopyTo(file);
        return new(name, file.ToArray());
    }

    /// <summary>Writes it for people.</summary>
    public void WriteTo(TextWriter output)
    {
        Line("picture", _path);
        Line("format", _format.Name());
        Line("size", string.Create(CultureInfo.InvariantCulture, $"{_image.Width}x{_image.Height}"));
        if (_recipe is null)
        {
            Line("made by", Problem is null ? "it does not say" : "unreadable");
            return;
        }
        var options = _recipe.Options;
        Line("frames", _recipe.Parameters is { Frames: > 1 } clip ? clip.Frames : null);
        Line("task", _recipe.Task);
        Line("prompt", _recipe.Prompt.Length == 0 ? "none" : _recipe.Prompt);
        Line("negative", string.IsNullOrEmpty(options.NegativePrompt) ? "none" : options.NegativePrompt);
        Line("seed", options.Seed);
        Line("steps", options.Steps);
        Line("sampler", options.Sampler?.ToString().ToLowerInvariant());
        Line("guidance", options.Guidance);
        if (options.GuidanceInterval is var (low, high) && (low, high) != (0, 1))
            Line("  within", string.Create(CultureInfo.InvariantCulture, $"{low} to {high}"));
        Line("noise scale", options.NoiseScale);
        Line("model", _recipe.Model);
        Line("device", _recipe.Parameters?.Device);

        void Line(string name, object? value)
        {
            if (value is not null)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-12}{CliConsole.OneLine(Convert.ToString(value, CultureInfo.InvariantCulture)!)}"));
        }
    }

    /// <summary>Writes it as a JSON object.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("picture", _path);
        json.WriteString("format", _format.ToString().ToLowerInvariant());
        json.WriteNumber("width", _image.Width);
        json.WriteNumber("height", _image.Height);
        json.WritePropertyName("parameters");
        if (_recipe is null)
            json.WriteNullValue();
        else if (_recipe.Parameters is { } parameters)
            parameters.WriteTo(json);
        else
            WriteRecipe(json, _recipe);
        json.WriteString("problem", Problem);
        json.WriteEndObject();
    }

    /// <summary>What another tool's text says, under the names of our own parameters; what it does not say is left out.</summary>
    private static void WriteRecipe(Utf8JsonWriter json, ImageRecipe recipe)
    {
        var o = recipe.Options;
        json.WriteStartObject();
        Text("task", recipe.Task);
        Text("prompt", recipe.Prompt);
        Text("negative_prompt", o.NegativePrompt);
        Number("steps", o.Steps);
        Text("sampler", o.Sampler?.ToString().ToLowerInvariant());
        Number("guidance", o.Guidance);
        Number("seed", o.Seed);
        Number("width", o.Width);
        Number("height", o.Height);
        Number("noise_scale", o.NoiseScale);
        Text("model", recipe.Model);
        json.WriteEndObject();

        void Text(string name, string? value)
        {
            if (value is not null)
                json.WriteString(name, value);
        }

        void Number<T>(string name, T? value) where T : struct, IFormattable
        {
            if (value is { } number)
            {
                json.WritePropertyName(name);
                json.WriteRawValue(number.ToString(null, CultureInfo.InvariantCulture));
            }
        }
    }
}
