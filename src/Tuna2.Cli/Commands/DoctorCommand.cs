using System.CommandLine;
using System.Reflection;
using Tuna2.Cli.Doctor;
using Tuna2.Cli.Options;
using Tuna2.Cli.Output;
using Tuna2.Engine;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 doctor: what was found, what is missing, where it was looked for, and what to do about it.</summary>
internal sealed class DoctorCommand : TunaCommand
{
    private readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "A model directory to check too: files, weights, memory [default: the demo model]",
        HelpName = "DIR",
    };

    private readonly Option<bool> _json = CommonOptions.Json();

    public DoctorCommand(CliConsole console)
        : base("doctor", "Check this machine: what was found, what is missing, where it was looked for; exits 1 when something the CPU engine needs is broken", console)
    {
        Examples = ["tuna2 doctor", "tuna2 doctor -m ~/models/tuna_2_pixel_7b", "tuna2 doctor --json > report.json"];
        Add(_model);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var devices = DeviceReport.Probe();
        List<Check> checks = [.. MachineChecks.Run(devices.Cpu), .. ModelChecks.Run(parsed.GetValue(_model), devices.Cpu), .. CudaChecks.Run(devices)];
        var failed = checks.Count(check => check.Failed);
        if (parsed.GetValue(_json))
            WriteJson(checks, devices, failed == 0);
        else
            WriteText(checks, failed);
        return Task.FromResult(failed == 0 ? ExitCode.Ok : ExitCode.Failure);
    }

    private static string Version => typeof(DoctorCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private void WriteText(List<Check> checks, int failed)
    {
        Console.Out.WriteLine($"tuna2 {Version}");
        Console.Out.WriteLine();
        foreach (var check in checks)
            check.WriteTo(Console.Out);
        Console.Out.WriteLine();
        Console.Out.WriteLine(failed switch
        {
            0 => "What the CPU engine needs is there.",
            1 => "One thing the CPU engine needs is broken.",
            _ => $"{failed} things the CPU engine needs are broken.",
        });
    }

    private void WriteJson(List<Check> checks, DeviceReport devices, bool ok) => Console.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteString("version", Version);
        json.WriteBoolean("ok", ok);
        json.WriteStartArray("checks");
        foreach (var check in checks)
            check.WriteTo(json);
        json.WriteEndArray();
        DeviceJson.Write(json, devices);
        json.WriteEndObject();
    });
}
