using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>Saves pictures and says so, for people or as JSON.</summary>
internal sealed class PictureReport(CliConsole console, bool json)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private IReadOnlyList<GeneratedImage> _pictures = [];
    private double _seconds;

    /// <summary>Takes the pictures; the time they took is that since this report began.</summary>
    public void Made(IReadOnlyList<GeneratedImage> pictures) => (_pictures, _seconds) = (pictures, _watch.Elapsed.TotalSeconds);

    /// <summary>Saves the pictures and writes the report.</summary>
    /// <param name="output">Where they go.</param>
    /// <param name="quality">How near a reconstruction is; null for other tasks.</param>
    /// <exception cref="ImageException">A file cannot be written.</exception>
    public void Save(PictureOutput output, Quality? quality = null)
    {
        var paths = new List<string>();
        foreach (var picture in _pictures)
        {
            var p = picture.Parameters;
            var path = output.PathOf(paths.Count, p.Seed is { } seed ? string.Create(CultureInfo.InvariantCulture, $"tuna2-{seed}") : $"tuna2-{p.Task}");
            picture.SavePng(path);
            paths.Add(path);
        }
        foreach (var warning in _pictures.SelectMany(picture => picture.Warnings).Distinct())
            console.Warn(warning);
        if (json)
            console.WriteJson(writer => WriteJson(writer, paths, quality));
        else
            WriteText(paths, quality);
    }

    private void WriteText(List<string> paths, Quality? quality)
    {
        if (quality is { } q)
        {
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"PSNR {q.Psnr:0.00} dB"));
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"SSIM {q.Ssim:0.0000}"));
        }
        for (var i = 0; i < paths.Count; i++)
        {
            var p = _pictures[i].Parameters;
            var seed = p.Seed is { } s ? string.Create(CultureInfo.InvariantCulture, $", seed {s}") : "";
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"wrote {paths[i]} ({p.Width}x{p.Height}, {p.Steps} {(p.Steps == 1 ? "step" : "steps")}{seed}, {Duration.Text(_seconds / paths.Count)})"));
        }
    }

    private void WriteJson(Utf8JsonWriter json, List<string> paths, Quality? quality)
    {
        json.WriteStartObject();
        json.WriteStartArray("images");
        for (var i = 0; i < paths.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("path", paths[i]);
            json.WritePropertyName("parameters");
            _pictures[i].Parameters.WriteTo(json);
            json.WriteStartArray("warnings");
            foreach (var warning in _pictures[i].Warnings)
                json.WriteStringValue(warning);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (quality is { } q)
        {
            json.WriteFinite("psnr_db", q.Psnr);
            json.WriteFinite("ssim", q.Ssim);
        }
        json.WriteNumber("seconds", Math.Round(_seconds, 3));
        json.WriteEndObject();
    }
}
