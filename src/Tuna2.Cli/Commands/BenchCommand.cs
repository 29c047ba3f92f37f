using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 bench: how fast a model runs here.</summary>
internal sealed class BenchCommand : TunaCommand
{
    private readonly ModelOptions _model = new();
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns of the picture [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows of the picture [default: the model's]");
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Denoising steps of a round [default: 4]");
    private readonly Option<int?> _tokens = NumberOptions.Integer("--tokens", "Tokens answered in a round [default: 16]");
    private readonly Option<int?> _prompt = NumberOptions.Integer("--prompt-tokens", "Tokens of a prompt [default: 64]");
    private readonly Option<int?> _rounds = NumberOptions.Integer("--rounds", "Rounds timed, after one that is not [default: 5]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public BenchCommand(CliConsole console) : base("bench", "Time a model on this machine: its prefix, a denoising step, a token", console)
    {
        Examples = ["tuna2 bench", "tuna2 bench --model DIR --width 512 --height 512 --rounds 3", "tuna2 bench --device cpu --threads 4 --json"];
        _model.AddTo(this);
        foreach (var option in new[] { _width, _height, _steps, _tokens, _prompt, _rounds })
            Add(option);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var defaults = new BenchmarkOptions();
        var options = new BenchmarkOptions
        {
            Width = parsed.GetValue(_width),
            Height = parsed.GetValue(_height),
            Steps = parsed.GetValue(_steps) ?? defaults.Steps,
            Tokens = parsed.GetValue(_tokens) ?? defaults.Tokens,
            PromptTokens = parsed.GetValue(_prompt) ?? defaults.PromptTokens,
            Rounds = parsed.GetValue(_rounds) ?? defaults.Rounds,
        };
        new ImageOptions { Width = options.Width, Height = options.Height }.Validate(_model.Config(parsed));
        using var model = await _model.LoadAsync(parsed, Console, cancellation).ConfigureAwait(false);
        var benchmark = new ModelBenchmark(model, options);
        var copy = benchmark.CopyBytesPerSecond();
        if (parsed.GetValue(_json))
        {
            var rows = benchmark.Run(null, cancellation);
            Console.WriteJson(json => WriteJson(json, model, copy, rows));
            return ExitCode.Ok;
        }
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{model.Name} on {model.Device}, {Machine}{(copy is { } bytes ? $"; a copy of memory moves {bytes / 1e9:0.0} GB/s" : "")}"));
        Console.Out.WriteLine();
        Console.Out.WriteLine($"{"what",-9} {"",-24} {"median ms",10} {"low",10} {"high",10} {"per s",9} {"GFLOP/s",9} {"GB/s",8} {"% of copy",9}");
        benchmark.Run(new Lines(Console, copy), cancellation);
        return ExitCode.Ok;
    }

    /// <summary>The processor, by its own name where the system tells it.</summary>
    private static string Machine
    {
        get
        {
            var name = RuntimeInformation.ProcessArchitecture.ToString();
            try
            {
                const string Information = "/proc/cpuinfo", Key = "model name";
                if (File.Exists(Information) && File.ReadLines(Information).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal)) is { } line)
                    name = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
                else if (Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") is { Length: > 0 } identifier)
                    name = identifier;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The architecture will do.
            }
            return string.Create(CultureInfo.InvariantCulture, $"{name}, {Environment.ProcessorCount} processors");
        }
    }

    private static void WriteJson(Utf8JsonWriter json, TunaModel model, double? copy, IEnumerable<BenchmarkRow> rows)
    {
        json.WriteStartObject();
        json.WriteString("model", model.Name);
        json.WriteString("device", model.Device);
        json.WriteString("machine", Machine);
        json.WriteNumber("weight_bytes", model.WeightBytes);
        if (copy is { } bytes)
            json.WriteFinite("copy_bytes_per_s", bytes);
        json.WriteStartArray("rows");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteString("detail", row.Detail);
            json.WriteFinite("seconds", row.Seconds);
            json.WriteFinite("seconds_low", row.Low);
            json.WriteFinite("seconds_high", row.High);
            json.WriteNumber("flops", row.Flops);
            json.WriteNumber("bytes", row.Bytes);
            json.WriteFinite("gflops_per_s", row.GigaflopsPerSecond);
            json.WriteFinite("gb_per_s", row.GigabytesPerSecond);
            if (copy is { } most)
                json.WriteFinite("percent_of_copy", 100e9 * row.GigabytesPerSecond / most);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private sealed class Lines(CliConsole console, double? copy) : IProgress<BenchmarkRow>
    {
        public void Report(BenchmarkRow value) => console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{value.Name,-9} {value.Detail,-24} {1e3 * value.Seconds,10:0.00} {1e3 * value.Low,10:0.00} {1e3 * value.High,10:0.00} {1 / value.Seconds,9:0.00} {value.GigaflopsPerSecond,9:0.0} {value.GigabytesPerSecond,8:0.0} {(copy is { } most ? $"{100e9 * value.GigabytesPerSecond / most:0}" : "-"),9}"));
    }
}
