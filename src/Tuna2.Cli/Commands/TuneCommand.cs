using System.CommandLine;
using System.Globalization;
using Tuna2.Cli.Options;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 tune: the fastest cuBLASLt algorithms of a model's products on this machine, for --tuning.</summary>
internal sealed class TuneCommand : TunaCommand
{
    private readonly Argument<string> _output = new("FILE") { Description = "The JSON file to write, for --tuning" };
    private readonly ModelOptions _model = new();
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns of the pictures [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows of the pictures [default: the model's]");
    private readonly Option<int?> _batch = NumberOptions.Integer("--batch", "Pictures that are stepped together [default: 1]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public TuneCommand(CliConsole console) : base("tune", "Time cuBLASLt's algorithms for a model's products on a CUDA device and store the fastest", console)
    {
        Examples = ["tuna2 tune h200.json --model ~/models/tuna_2_pixel_7b --device cuda:0", "tuna2 tune h200-1024.json -m DIR --width 1024 --height 1024", "tuna2 tune h200-fp8.json -m DIR --weights fp8"];
        Add(_output);
        _model.AddTo(this);
        Add(_width);
        Add(_height);
        Add(_batch);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var config = _model.Config(parsed);
        int width = parsed.GetValue(_width) ?? config.Defaults.Width, height = parsed.GetValue(_height) ?? config.Defaults.Height;
        var json = parsed.GetValue(_json);
        var results = CudaTuning.Run(config, width, height, _model.Ordinal(parsed), parsed.GetRequiredValue(_output), parsed.GetValue(_batch) ?? 1, _model.Device(parsed).Weights,
            json ? null : new Lines(Console), cancellation);
        if (json)
            Console.WriteJson(writer =>
            {
                writer.WriteStartArray();
                foreach (var result in results)
                {
                    writer.WriteStartObject();
                    writer.WriteString("product", result.Product);
                    writer.WriteNumber("us", result.Microseconds);
                    writer.WriteNumber("us_heuristic", result.HeuristicMicroseconds);
                    writer.WriteNumber("tflops", result.Flops / result.Microseconds / 1e6);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            });
        return Task.FromResult(ExitCode.Ok);
    }

    private sealed class Lines(CliConsole console) : IProgress<TuningResult>
    {
        public void Report(TuningResult value) => console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{value.Product,-40} {value.HeuristicMicroseconds,9:0.0} us advised {value.Microseconds,9:0.0} us best {value.Flops / value.Microseconds / 1e6,7:0.0} TFLOP/s"));
    }
}
