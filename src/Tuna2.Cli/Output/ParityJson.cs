using System.Text.Json;
using Tuna2.Engine.Parity;

namespace Tuna2.Cli.Output;

/// <summary>Parity reports as JSON.</summary>
internal static class ParityJson
{
    /// <summary>Writes the reports of several folders and the counts of their cases.</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<ParityReport> reports)
    {
        json.WriteStartObject();
        json.WriteStartArray("reports");
        foreach (var report in reports)
        {
            json.WriteStartObject();
            json.WriteString("directory", report.Directory);
            json.WriteString("kind", report.Kind);
            json.WriteString("device", report.Device);
            json.WriteStartArray("cases");
            foreach (var c in report.Cases)
                Write(json, c);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("passed", reports.Sum(report => report.Passed));
        json.WriteNumber("failed", reports.Sum(report => report.Failed));
        json.WriteNumber("not_run", reports.Sum(report => report.NotRun));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ParityCase c)
    {
        json.WriteStartObject();
        json.WriteString("name", c.Name);
        json.WriteString("task", c.Task);
        json.WriteString("status", c.Status switch { ParityStatus.Passed => "passed", ParityStatus.Failed => "failed", _ => "not_run" });
        json.WriteString("reason", c.Reason);
        json.WriteStartArray("checks");
        foreach (var check in c.Checks)
        {
            json.WriteStartObject();
            json.WriteString("tensor", check.Name);
            json.WriteString("path", check.Path);
            json.WriteFinite("max", check.MaxError);
            json.WriteFinite("relative", check.RelativeError);
            json.WriteString("limit", check.Limit);
            json.WriteBoolean("passed", check.Passed);
            json.WriteString("note", check.Note);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("not_compared");
        foreach (var name in c.NotCompared)
            json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
