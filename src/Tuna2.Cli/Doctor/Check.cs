using System.Text.Json;
using Tuna2.Cli.Output;
using Tuna2.Engine.Cuda;

namespace Tuna2.Cli.Doctor;

/// <summary>One thing the doctor looked at.</summary>
/// <param name="Name">What: "NVRTC".</param>
/// <param name="Status">How it is.</param>
/// <param name="Detail">What was found, or what is wrong, in one line.</param>
/// <param name="Advice">What to do about it, in one line; null where there is nothing to do.</param>
internal sealed record Check(string Name, CheckStatus Status, string Detail, string? Advice = null)
{
    /// <summary>Whether the engine cannot do without: then anything but ok is a failure.</summary>
    public bool Needed { get; init; }

    /// <summary>Where a library was looked for.</summary>
    public IReadOnlyList<LibraryCandidate> LookedIn { get; init; } = [];

    /// <summary>Whether the engine lacks something it needs.</summary>
    public bool Failed => Needed && Status != CheckStatus.Ok;

    /// <summary>The status as it is written: "ok", "missing", "problem".</summary>
    public string Word => Status.ToString().ToLowerInvariant();

    /// <summary>It is there and works.</summary>
    public static Check Ok(string name, string detail) => new(name, CheckStatus.Ok, detail);

    /// <summary>Writes it for people: a line, its advice, and for what is missing the places below.</summary>
    public void WriteTo(TextWriter output)
    {
        output.WriteLine($"{Word,-8} {Name,-17} {CliConsole.OneLine(Detail)}");
        if (Advice is not null)
            output.WriteLine($"{"",-8} {"",-17} {Advice}");
        if (Status == CheckStatus.Ok)
            return;
        foreach (var places in LookedIn.GroupBy(place => (place.Origin, place.Problem)).Select(group => group.ToList()))
            output.WriteLine($"{"",-8} {"",-17} looked in {places[0]}{(places.Count == 1 ? "" : $", and so {places.Count - 1} more, which --json names")}");
    }

    /// <summary>Writes it as a JSON object.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("name", Name);
        json.WriteString("status", Word);
        json.WriteBoolean("needed", Needed);
        json.WriteString("detail", Detail);
        json.WriteString("advice", Advice);
        if (LookedIn.Count > 0)
            DeviceJson.Write(json, LookedIn);
        json.WriteEndObject();
    }
}
