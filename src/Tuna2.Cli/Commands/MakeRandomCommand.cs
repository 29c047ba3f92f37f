using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 make-random: a model directory of random weights in a known shape.</summary>
internal sealed class MakeRandomCommand : TunaCommand
{
    private static readonly string[] _names = [.. WeightsManifest.Checkpoints.Select(checkpoint => checkpoint.Name)];

    private readonly Argument<string> _variant = new("VARIANT") { HelpName = "VARIANT", Description = $"The shape: {string.Join(", ", _names)}" };
    private readonly Argument<string> _directory = new("DIR") { Description = "The model directory to make; it must be empty or not there" };
    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the weights [default: 0]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public MakeRandomCommand(CliConsole console) : base("make-random", "Make a model of random weights in a known shape, for measuring memory and time", console)
    {
        Examples =
        [
            "tuna2 make-random tuna_2_pixel_2b random-2b",
            "tuna2 make-random tuna2-shapes random-shapes --seed 7",
        ];
        _variant.CompletionSources.Add(_names);
        _variant.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var name }] && !_names.Contains(name))
                result.AddError($"VARIANT '{name}' is not one of {string.Join(", ", _names)}");
        });
        Add(_variant);
        Add(_directory);
        Add(_seed);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var name = parsed.GetRequiredValue(_variant);
        var shape = WeightsManifest.Checkpoints.Single(checkpoint => checkpoint.Name == name);
        var directory = parsed.GetRequiredValue(_directory);
        if (directory.Length == 0)
            throw new RequestException("DIR is empty");
        var seed = parsed.GetValue(_seed) ?? 0;

        var watch = Stopwatch.StartNew();
        IReadOnlyList<string> files;
        using (var progress = new ProgressLine(Console))
            files = await Task.Run(() => RandomModel.Write(shape, directory, seed, progress, cancellation), cancellation).ConfigureAwait(false);
        var bytes = files.Sum(file => new FileInfo(file).Length);
        if (parsed.GetValue(_json))
            Console.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteString("model", directory);
                json.WriteString("shape", name);
                json.WriteNumber("seed", seed);
                json.WriteNumber("parameters", shape.ParameterCount);
                json.WriteNumber("bytes", bytes);
                json.WriteStartArray("files");
                foreach (var file in files)
                    json.WriteStringValue(file);
                json.WriteEndArray();
                json.WriteNumber("seconds", Math.Round(watch.Elapsed.TotalSeconds, 3));
                json.WriteEndObject();
            });
        else
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"wrote {directory}: {name}, {shape.ParameterCount:N0} random parameters, seed {seed}, {bytes:N0} bytes of weights in {files.Count} {(files.Count == 1 ? "file" : "files")}, {Duration.Text(watch.Elapsed.TotalSeconds)}"));
        return ExitCode.Ok;
    }
}
