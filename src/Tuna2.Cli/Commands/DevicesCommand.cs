using System.CommandLine;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 devices: what --device may name here.</summary>
internal sealed class DevicesCommand : TunaCommand
{
    private readonly Option<bool> _json = CommonOptions.Json();

    public DevicesCommand(CliConsole console) : base("devices", "List what --device may name on this machine: the processor and the GPUs NVIDIA's driver shows", console)
    {
        Examples = ["tuna2 devices", "CUDA_VISIBLE_DEVICES=1 tuna2 devices --json"];
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var report = DeviceReport.Probe();
        if (parsed.GetValue(_json))
        {
            Console.WriteJson(json =>
            {
                json.WriteStartObject();
                DeviceJson.Write(json, report);
                json.WriteEndObject();
            });
            return Task.FromResult(ExitCode.Ok);
        }
        Console.Out.WriteLine($"{"cpu",-8} {DeviceText.Of(report.Cpu)}");
        foreach (var gpu in report.Gpus)
            Console.Out.WriteLine($"{gpu.Id,-8} {DeviceText.Of(gpu)}{(gpu.Problem is null ? "" : $" (not used: {gpu.Problem})")}");
        if (report.Gpus.Count == 0)
            Console.Out.WriteLine($"no GPU: {report.Driver.Problem}");
        return Task.FromResult(ExitCode.Ok);
    }
}
