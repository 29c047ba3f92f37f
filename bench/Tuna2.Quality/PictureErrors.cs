using System.Text.Json.Nodes;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Quality;

/// <summary>Pictures of a model in a format beside those of its stored weights, seed by seed.</summary>
internal static class PictureErrors
{
    private static readonly string[] _prompts =
    [
        "a large red circle on a blue background", "a yellow square on a white background", "a small purple triangle on a yellow background", "an orange circle at the top on a black background",
    ];

    public static async Task RunAsync(string directory, int threads, int seeds, Report report)
    {
        var stored = await MakeAsync(directory, threads, seeds, WeightFormat.Stored).ConfigureAwait(false);
        Report.Head("weights", "MiB", "worst PSNR dB", "mean PSNR dB", "best PSNR dB", "seeds");
        foreach (var format in new[] { WeightFormat.Int8, WeightFormat.Int4, WeightFormat.Fp8 })
        {
            var made = await MakeAsync(directory, threads, seeds, format).ConfigureAwait(false);
            Add(report, "quality pictures", format.Name(), made.Bytes, Compare(stored.Pictures, made.Pictures));
        }
    }

    /// <summary>A picture a seed, of prompts in turn, at the model's own settings.</summary>
    public static async Task<(long Bytes, IReadOnlyList<RgbImage> Pictures)> MakeAsync(string directory, int threads, int seeds, WeightFormat format)
    {
        using var model = await TunaModel.LoadAsync(directory, new() { Device = "cpu", Threads = threads, Weights = format }).ConfigureAwait(false);
        using var session = model.CreateSession();
        var pictures = new List<RgbImage>();
        for (var seed = 0; seed < seeds; seed++)
            pictures.Add((await session.GenerateAsync(_prompts[seed % _prompts.Length], new ImageOptions { Seed = seed }).ConfigureAwait(false))[0].Image);
        return (model.WeightBytes, pictures);
    }

    public static double[] Compare(IReadOnlyList<RgbImage> stored, IReadOnlyList<RgbImage> made) => [.. stored.Zip(made, ImageQuality.Psnr)];

    public static void Add(Report report, string row, string what, long bytes, double[] psnr, double? off = null)
    {
        var facts = new JsonObject { ["row"] = row, ["weights"] = what, ["bytes"] = bytes, ["psnr_worst_db"] = psnr.Min(), ["psnr_mean_db"] = psnr.Average(), ["psnr_best_db"] = psnr.Max(), ["seeds"] = psnr.Length };
        if (off is not null)
            facts["weights_relative"] = off;
        report.Row(facts,
            [$"{what}", $"{bytes / 1048576.0:0.0}", .. off is null ? Array.Empty<FormattableString>() : [$"{off:0.0000}"], $"{psnr.Min():0.0}", $"{psnr.Average():0.0}", $"{psnr.Max():0.0}", $"{psnr.Length}"]);
    }
}
