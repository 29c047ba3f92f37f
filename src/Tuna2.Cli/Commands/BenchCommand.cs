using System.CommandLine;
using System.Diagnostics;
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
    private readonly RandomOption _random = new();
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns of the picture [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows of the picture [default: the model's]");
    private readonly Option<int?> _steps = NumberOptions.Integer("--steps", "Denoising steps of a round [default: 4]");
    private readonly Option<int?> _tokens = NumberOptions.Integer("--tokens", "Tokens answered in a round [default: 16]");
    private readonly Option<int?> _prompt = NumberOptions.Integer("--prompt-tokens", "Tokens of a prompt [default: 64]");
    private readonly Option<int?> _rounds = NumberOptions.Integer("--rounds", "Rounds timed, after one that is not [default: 5]");
    private readonly Option<int?> _pictures = NumberOptions.Integer("--pictures", "Whole pictures timed, at the model's own settings [default: 1]");
    private readonly Option<bool> _growth = new("--growth") { Description = "How a step's time grows instead, with the picture's tokens and with those before it: seconds and exponents" };
    private readonly Option<int?> _growthTokens = NumberOptions.Integer("--growth-tokens", "Tokens of the largest picture of --growth, a power of two [default: 4096]");
    private readonly Option<int?> _growthPrefix = NumberOptions.Integer("--growth-prefix", "Tokens of the longest prompt of --growth [default: 4096]");
    private readonly Option<int?> _batch = NumberOptions.Integer("--batch", "Steps and pictures in batches of 2, 4, 8 up to N, too [default: 1, one at a time; of --growth 16]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public BenchCommand(CliConsole console) : base("bench", "Time a model on this machine: its prefix, a denoising step, a token, a picture, every kernel", console)
    {
        Examples = ["tuna2 bench", "tuna2 bench --model DIR --width 512 --height 512 --rounds 3", "tuna2 bench --random tuna_2_pixel_7b --device cuda:0 --json", "tuna2 bench --growth --growth-tokens 1024 --rounds 3"];
        _model.AddTo(this);
        Add(_random);
        foreach (var option in new[] { _width, _height, _steps, _tokens, _prompt, _rounds, _pictures, _batch })
            Add(option);
        Add(_growth);
        Add(_growthTokens);
        Add(_growthPrefix);
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
            Pictures = parsed.GetValue(_pictures) ?? defaults.Pictures,
            Batch = parsed.GetValue(_batch) ?? defaults.Batch,
        };
        var growth = Growth(parsed, options);
        var shape = _random.Shape(parsed, _model);
        new ImageOptions { Width = options.Width, Height = options.Height, Batch = options.Batch }.Validate(shape?.Config ?? _model.Config(parsed));
        var watch = Stopwatch.StartNew();
        using var model = await (shape is null ? _model.LoadAsync(parsed, Console, cancellation) : _model.MakeRandomAsync(parsed, shape, Console, cancellation)).ConfigureAwait(false);
        var load = new Load(watch.Elapsed.TotalSeconds, model.WeightBytes, shape is not null);
        if (growth is not null)
        {
            Grow(parsed, model, new(model, growth), cancellation);
            return ExitCode.Ok;
        }
        var benchmark = new ModelBenchmark(model, options);
        IReadOnlyList<BenchmarkRow> rows;
        if (parsed.GetValue(_json))
        {
            rows = benchmark.Run(null, cancellation);
            Console.WriteJson(json => WriteJson(json, model, load, benchmark, rows));
            return ExitCode.Ok;
        }
        var peaks = benchmark.Peaks;
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{model.Name} on {model.Device}, {Machine}; a copy of memory moves {peaks.BytesPerSecond / 1e9:0.0} GB/s{(peaks.FlopsPerSecond is { } most ? $", products at most {most / 1e12:0} TFLOP/s" : "")}"));
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{ByteCount.Of(load.Bytes)} of weights {(load.Made ? "made" : "loaded")} in {load.Seconds:0.00} s, {load.GigabytesPerSecond:0.00} GB/s"));
        Console.Out.WriteLine();
        Console.Out.WriteLine($"{"what",-9} {"",-24} {"median ms",10} {"low",10} {"high",10} {"per s",9} {"GFLOP/s",9} {"GB/s",8} {"% of copy",9} {"% of peak",9}");
        rows = benchmark.Run(new Lines(Console, peaks), cancellation);
        var gaps = BenchmarkGap.Between(rows, benchmark.Kernels).ToDictionary(g => g.Of);
        Console.Out.WriteLine();
        Console.Out.WriteLine($"beside the weights: a picture {ByteCount.Of(benchmark.PictureBytes)}, an answer {ByteCount.Of(benchmark.AnswerBytes)}{(model.AvailableBytes is { } free ? $"; {ByteCount.Of(free)} free" : "")}");
        foreach (var of in benchmark.Kernels.GroupBy(k => k.Of))
        {
            Console.Out.WriteLine();
            Console.Out.WriteLine($"{$"a {of.Key}, launch by launch",-34} {"times",6} {"ms",10} {"% of all",9} {"GFLOP/s",9} {"GB/s",8} {"% of copy",9} {"% of peak",9}");
            var all = of.Sum(k => k.Time.Seconds);
            foreach (var (_, time) in of)
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{time.Name,-34} {time.Count,6} {1e3 * time.Seconds,10:0.000} {100 * time.Seconds / all,9:0.0} {Rate(time.Flops, time.Seconds),9} {Rate(time.Bytes, time.Seconds),8} {Percent(peaks.PercentOfCopy(time.Seconds, time.Bytes)),9} {Percent(peaks.PercentOfFlops(time.Seconds, time.Flops)),9}"));
            var gap = gaps[of.Key];
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{$"a whole {of.Key}, less all of them",-34} {"",6} {1e3 * gap.Seconds,10:0.000} {gap.Percent,9:0.0}"));
        }
        return ExitCode.Ok;
    }

    /// <summary>What --growth asks for; null without it.</summary>
    private GrowthOptions? Growth(ParseResult parsed, BenchmarkOptions options)
    {
        if (!parsed.GetValue(_growth))
        {
            foreach (var of in new[] { _growthTokens, _growthPrefix })
                if (parsed.GetValue(of) is not null)
                    throw new RequestException($"{of.Name} is --growth's, which is not asked for");
            return null;
        }
        foreach (var other in new[] { _width, _height, _tokens, _prompt, _pictures })
            if (parsed.GetValue(other) is not null)
                throw new RequestException($"{other.Name} says nothing to --growth, which has sizes of its own");
        var defaults = new GrowthOptions();
        return new GrowthOptions { MaxTokens = parsed.GetValue(_growthTokens) ?? defaults.MaxTokens, MaxPrefix = parsed.GetValue(_growthPrefix) ?? defaults.MaxPrefix, MaxBatch = parsed.GetValue(_batch) ?? defaults.MaxBatch, Steps = options.Steps, Rounds = options.Rounds }.Validated();
    }

    private void Grow(ParseResult parsed, TunaModel model, GrowthBenchmark benchmark, CancellationToken cancellation)
    {
        if (parsed.GetValue(_json))
        {
            var rows = benchmark.Run(null, cancellation);
            Console.WriteJson(json => WriteGrowth(json, model, benchmark.Compute, rows));
            return;
        }
        Console.Out.WriteLine($"{model.Name} on {model.Device}, {benchmark.Compute}, {Machine}; a step of two branches");
        Console.Out.WriteLine();
        Console.Out.WriteLine($"{"axis",-8} {"tokens",7} {"batch",6} {"prefix",7} {"median ms",11} {"low",11} {"high",11} {"GFLOP/s",9} {"exponent",9}");
        var all = benchmark.Run(new GrowthLines(Console), cancellation);
        Console.Out.WriteLine();
        foreach (var axis in GrowthRow.Axes)
            Console.Out.WriteLine(GrowthBenchmark.Law(all, axis) is { } law
                ? string.Create(CultureInfo.InvariantCulture, $"{axis,-8} a step takes {law.Factor:0.###e+0} s x {axis}^{law.Exponent:0.00}")
                : $"{axis,-8} not run: one size");
    }

    private static void WriteGrowth(Utf8JsonWriter json, TunaModel model, string compute, IReadOnlyList<GrowthRow> rows)
    {
        json.WriteStartObject();
        json.WriteString("model", model.Name);
        json.WriteString("device", model.Device);
        json.WriteString("compute", compute);
        json.WriteString("machine", Machine);
        json.WriteStartArray("growth");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("axis", row.Axis);
            json.WriteNumber("tokens", row.Tokens);
            json.WriteNumber("batch", row.Batch);
            json.WriteNumber("prefix", row.Prefix);
            json.WriteFinite("seconds", row.Seconds);
            json.WriteFinite("seconds_low", row.Low);
            json.WriteFinite("seconds_high", row.High);
            json.WriteNumber("flops", row.Flops);
            json.WriteNumber("bytes", row.Bytes);
            json.WriteFinite("exponent", row.Exponent);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("laws");
        foreach (var axis in GrowthRow.Axes)
            if (GrowthBenchmark.Law(rows, axis) is { } law)
            {
                json.WriteStartObject();
                json.WriteString("axis", axis);
                json.WriteFinite("factor", law.Factor);
                json.WriteFinite("exponent", law.Exponent);
                json.WriteEndObject();
            }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What loading took, or making.</summary>
    private sealed record Load(double Seconds, long Bytes, bool Made)
    {
        public double GigabytesPerSecond => Bytes / Seconds / 1e9;
    }

    private static string Rate(long count, double seconds) => count == 0 ? "-" : (count / seconds / 1e9).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Percent(double? percent) => percent?.ToString("0", CultureInfo.InvariantCulture) ?? "-";

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

    private static void WriteJson(Utf8JsonWriter json, TunaModel model, Load load, ModelBenchmark benchmark, IReadOnlyList<BenchmarkRow> rows)
    {
        var peaks = benchmark.Peaks;
        json.WriteStartObject();
        json.WriteString("model", model.Name);
        json.WriteString("device", model.Device);
        json.WriteString("machine", Machine);
        json.WriteString("weights", model.Weights.Name());
        json.WriteNumber("weight_bytes", model.WeightBytes);
        json.WriteBoolean("random", load.Made);
        json.WriteFinite("load_seconds", load.Seconds);
        json.WriteFinite("load_gb_per_s", load.GigabytesPerSecond);
        json.WriteNumber("picture_bytes", benchmark.PictureBytes);
        json.WriteNumber("answer_bytes", benchmark.AnswerBytes);
        if (model.AvailableBytes is { } free)
            json.WriteNumber("available_bytes", free);
        json.WriteFinite("copy_bytes_per_s", peaks.BytesPerSecond);
        if (peaks.FlopsPerSecond is { } most)
            json.WriteFinite("peak_flops_per_s", most);
        json.WriteStartArray("rows");
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteString("detail", row.Detail);
            json.WriteFinite("seconds", row.Seconds);
            json.WriteFinite("seconds_low", row.Low);
            json.WriteFinite("seconds_high", row.High);
            WriteRates(json, peaks, row.Seconds, row.Flops, row.Bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("kernels");
        foreach (var (of, time) in benchmark.Kernels)
        {
            json.WriteStartObject();
            json.WriteString("of", of);
            json.WriteString("name", time.Name);
            json.WriteNumber("count", time.Count);
            json.WriteFinite("seconds", time.Seconds);
            WriteRates(json, peaks, time.Seconds, time.Flops, time.Bytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("gaps");
        foreach (var gap in BenchmarkGap.Between(rows, benchmark.Kernels))
        {
            json.WriteStartObject();
            json.WriteString("of", gap.Of);
            json.WriteFinite("seconds", gap.Seconds);
            json.WriteFinite("percent", gap.Percent);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRates(Utf8JsonWriter json, BenchmarkPeaks peaks, double seconds, long flops, long bytes)
    {
        json.WriteNumber("flops", flops);
        json.WriteNumber("bytes", bytes);
        json.WriteFinite("gflops_per_s", flops / seconds / 1e9);
        json.WriteFinite("gb_per_s", bytes / seconds / 1e9);
        if (peaks.PercentOfCopy(seconds, bytes) is { } copy)
            json.WriteFinite("percent_of_copy", copy);
        if (peaks.PercentOfFlops(seconds, flops) is { } peak)
            json.WriteFinite("percent_of_peak", peak);
    }

    private sealed class GrowthLines(CliConsole console) : IProgress<GrowthRow>
    {
        public void Report(GrowthRow value) => console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{value.Axis,-8} {value.Tokens,7} {value.Batch,6} {value.Prefix,7} {1e3 * value.Seconds,11:0.00} {1e3 * value.Low,11:0.00} {1e3 * value.High,11:0.00} {Rate(value.Flops, value.Seconds),9} {value.Exponent?.ToString("0.00", CultureInfo.InvariantCulture) ?? "-",9}"));
    }

    private sealed class Lines(CliConsole console, BenchmarkPeaks peaks) : IProgress<BenchmarkRow>
    {
        public void Report(BenchmarkRow value) => console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{value.Name,-9} {value.Detail,-24} {1e3 * value.Seconds,10:0.00} {1e3 * value.Low,10:0.00} {1e3 * value.High,10:0.00} {1 / value.Seconds,9:0.00} {Rate(value.Flops, value.Seconds),9} {Rate(value.Bytes, value.Seconds),8} {Percent(peaks.PercentOfCopy(value.Seconds, value.Bytes)),9} {Percent(peaks.PercentOfFlops(value.Seconds, value.Flops)),9}"));
    }
}
