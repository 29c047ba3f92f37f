using System.CommandLine;
using System.Globalization;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 prove: whether a device computes a model as the engine promises.</summary>
internal sealed class ProveCommand : TunaCommand
{
    private readonly ModelOptions _model = new();
    private readonly RandomOption _random = new();
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns of the pictures [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows of the pictures [default: the model's]");
    private readonly Option<int?> _repeats = NumberOptions.Integer("--repeats", "How often a step and a token are computed again [default: 250]");
    private readonly Option<int?> _sessions = NumberOptions.Integer("--sessions", "Sessions that end, and as many that are cancelled [default: 200]");
    private readonly Option<bool> _json = CommonOptions.Json();

    public ProveCommand(CliConsole console) : base("prove", "Check that a device computes as it must: bits that repeat, memory that comes back, the CPU's results", console)
    {
        Examples = ["tuna2 prove --device cuda:0", "tuna2 prove --device cuda:0 --dtype f32 --repeats 1000 --json", "tuna2 prove --random tuna_2_pixel_2b --device cuda:0"];
        _model.AddTo(this);
        Add(_random);
        foreach (var option in new[] { _width, _height, _repeats, _sessions })
            Add(option);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var defaults = new ProofOptions();
        var proof = new ProofOptions
        {
            Width = parsed.GetValue(_width), Height = parsed.GetValue(_height),
            Repeats = parsed.GetValue(_repeats) ?? defaults.Repeats, Sessions = parsed.GetValue(_sessions) ?? defaults.Sessions,
        };
        var shape = _random.Shape(parsed, _model);
        new ImageOptions { Width = proof.Width, Height = proof.Height }.Validate(shape?.Config ?? _model.Config(parsed));
        var isJson = parsed.GetValue(_json);
        var progress = isJson ? null : new Lines(Console);
        var checks = await (shape is null
            ? DeviceProof.RunAsync(_model.Directory(parsed), _model.Device(parsed), proof, progress, cancellation)
            : DeviceProof.RunAsync(shape, _model.Device(parsed), proof, progress, cancellation)).ConfigureAwait(false);
        if (isJson)
            Console.WriteJson(json =>
            {
                json.WriteStartArray();
                foreach (var check in checks)
                {
                    json.WriteStartObject();
                    json.WriteString("name", check.Name);
                    json.WriteString("status", Status(check));
                    json.WriteString("detail", check.Detail);
                    json.WriteFinite("seconds", check.Seconds);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            });
        return checks.Any(check => check.Passed == false) ? ExitCode.Failure : ExitCode.Ok;
    }

    private static string Status(ProofCheck check) => check.Passed switch { true => "passed", false => "failed", null => "not run" };

    private sealed class Lines(CliConsole console) : IProgress<ProofCheck>
    {
        public void Report(ProofCheck value) => console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{value.Name,-10} {Status(value),-8} {value.Seconds,8:0.00} s  {value.Detail}"));
    }
}
