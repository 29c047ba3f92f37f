using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>Saves pictures as they are finished and says so, for people or as JSON.</summary>
/// <param name="console">Where it is said.</param>
/// <param name="output">Where the pictures go.</param>
/// <param name="task">What makes them, as their parameters call it.</param>
/// <param name="json">Whether to report as JSON.</param>
/// <param name="told">Warnings the user has had already.</param>
internal sealed class PictureReport(CliConsole console, PictureOutput output, string task, bool json, IReadOnlyList<string> told) : IDisposable
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly List<Saved> _saved = [];

    /// <summary>What the makers of pictures report to.</summary>
    public PictureProgress Progress { get; } = new(console, output.IsStream ? null : progress => output.PreviewPath(progress, task));

    /// <summary>
    /// Saves each picture as it comes, then reports. When it ends early what was saved is kept, and people are told of it.
    /// </summary>
    /// <exception cref="ImageException">A file cannot be written.</exception>
    public async Task SaveEachAsync(IAsyncEnumerable<GeneratedImage> pictures)
    {
        var finished = false;
        try
        {
            await foreach (var picture in pictures.ConfigureAwait(false))
                Save(picture);
            finished = true;
        }
        finally
        {
            if (finished || !json)
                Write();
        }
    }

    /// <summary>Saves a picture.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public void Save(GeneratedImage picture)
    {
        var path = output.Save(_saved.Count, picture);
        _saved.Add(new(path, picture, _watch.Elapsed.TotalSeconds - _saved.Sum(saved => saved.Seconds)));
        Progress.Finished(picture.Image);
    }

    /// <summary>Reports what was saved.</summary>
    /// <param name="quality">How near a reconstruction is; null for other tasks.</param>
    public void Write(Quality? quality = null)
    {
        Progress.Dispose();
        foreach (var warning in _saved.SelectMany(saved => saved.Picture.Warnings).Distinct().Except(told))
            console.Warn(warning);
        if (json)
            console.WriteJson(writer => WriteJson(writer, quality));
        else
            WriteText(output.IsStream ? console.Error : console.Out, quality);
    }

    /// <inheritdoc/>
    public void Dispose() => Progress.Dispose();

    private void WriteText(TextWriter writer, Quality? quality)
    {
        if (quality is { } q)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"PSNR {q.Psnr:0.00} dB"));
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"SSIM {q.Ssim:0.0000}"));
        }
        foreach (var (path, picture, seconds) in _saved)
        {
            var p = picture.Parameters;
            var seed = p.Seed is { } s ? string.Create(CultureInfo.InvariantCulture, $", seed {s}") : "";
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrote {path} ({p.Width}x{p.Height}, {p.Steps} {(p.Steps == 1 ? "step" : "steps")}{seed}, {Duration.Text(seconds)})"));
        }
    }

    private void WriteJson(Utf8JsonWriter json, Quality? quality)
    {
        json.WriteStartObject();
        json.WriteStartArray("images");
        for (var i = 0; i < _saved.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("path", _saved[i].Path);
            json.WritePropertyName("parameters");
            _saved[i].Picture.Parameters.WriteTo(json);
            json.WriteTexts("warnings", _saved[i].Picture.Warnings);
            json.WriteTexts("previews", Progress.PreviewsOf(i));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (quality is { } q)
        {
            json.WriteFinite("psnr_db", q.Psnr);
            json.WriteFinite("ssim", q.Ssim);
        }
        json.WriteNumber("seconds", Math.Round(_saved.Sum(saved => saved.Seconds), 3));
        json.WriteEndObject();
    }

    private sealed record Saved(string Path, GeneratedImage Picture, double Seconds);
}
