using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine.Parity;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 parity: the engine, or a converted model, against reference outputs.</summary>
internal sealed class ParityCommand : TunaCommand
{
    private readonly Argument<string[]> _directories = new("DIR")
    {
        Description = "A folder with a cases.json; several are checked one after the other",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly DeviceOptions _device = new();
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "One line a case with its worst tensors, and every tensor over its limit" };
    private readonly Option<bool> _json = CommonOptions.Json();

    public ParityCommand(CliConsole console)
        : base("parity", "Compare with reference outputs, tensor by tensor; exits 1 when a case is over its limit", console)
    {
        Examples =
        [
            "tuna2 parity tests/fixtures/tuna2-tiny",
            "tuna2 parity tests/fixtures/tokenizer tests/fixtures/torch_rng tests/fixtures/preprocess --quiet",
        ];
        Add(_directories);
        Add(_quiet);
        _device.AddTo(this);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var json = parsed.GetValue(_json);
        var directories = parsed.GetRequiredValue(_directories);
        var table = json ? null : new ParityTable(Console.Out, parsed.GetValue(_quiet));
        var reports = new List<ParityReport>();
        foreach (var directory in directories)
        {
            table?.Begin(directory);
            reports.Add(await ParityRunner.RunAsync(directory, _device.Read(parsed), table, cancellation).ConfigureAwait(false));
        }
        if (json)
            Console.WriteJson(writer => ParityJson.Write(writer, reports));
        else
            table!.End(reports);
        return reports.Exists(report => report.Failed > 0) ? ExitCode.Failure : ExitCode.Ok;
    }
}
