using System.Text.Json;

namespace Tuna2.Engine.Parity;

/// <summary>
/// Checks the engine, and a converted model, against reference outputs: a directory with a cases.json whose "kind" says what
/// it holds (docs/parity.md gives the format).
/// </summary>
public static class ParityRunner
{
    /// <summary>Runs every case of a directory.</summary>
    /// <param name="directory">A directory with a cases.json.</param>
    /// <param name="options">Device and precision for models.</param>
    /// <param name="progress">Told of every case as it ends, on the computing thread.</param>
    /// <param name="cancellation">Stops between ops.</param>
    /// <exception cref="ModelException">The directory cannot be read as one of the kinds.</exception>
    /// <exception cref="DeviceException">The device is not there.</exception>
    public static async Task<ParityReport> RunAsync(
        string directory, TunaModelOptions? options = null, IProgress<ParityCase>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return await RunAsync(directory, () => DeviceSelection.Open(options ?? new()), null, progress, cancellation).ConfigureAwait(false);
    }

    /// <summary>As the public one, on a backend of the caller's; a model run opens and disposes it.</summary>
    /// <param name="directory">A directory with a cases.json.</param>
    /// <param name="open">Opens the backend that runs models.</param>
    /// <param name="only">Names of the cases to run; null for all.</param>
    /// <param name="progress">Told of every case as it ends.</param>
    /// <param name="cancellation">Stops between ops.</param>
    internal static async Task<ParityReport> RunAsync(
        string directory, Func<DeviceSelection> open, IReadOnlyCollection<string>? only, IProgress<ParityCase>? progress, CancellationToken cancellation)
    {
        if (!Directory.Exists(directory))
            throw new ModelException($"{directory}: no such directory");
        var path = Path.Combine(directory, "cases.json");
        if (!File.Exists(path))
            throw new ModelException($"{directory}: not a parity directory: it has no cases.json");
        using var document = Parse(path);
        var root = document.RootElement;
        var kind = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("kind", out var k) && k.ValueKind == JsonValueKind.String ? k.GetString()! : null;
        return kind switch
        {
            "model" => await ModelParity.RunAsync(directory, root, open, only, progress, cancellation).ConfigureAwait(false),
            "tokenizer" => Report(kind, TokenizerParity.Run(directory, root, cancellation)),
            "torch_rng" => Report(kind, NoiseParity.Run(directory, root)),
            "preprocess" => Report(kind, PreprocessParity.Run(directory, root, cancellation)),
            _ => throw new ModelException($"{path}: kind '{kind}' is not one of model, tokenizer, torch_rng, preprocess"),
        };

        ParityReport Report(string what, IEnumerable<ParityCase> cases)
        {
            var done = new List<ParityCase>();
            foreach (var c in cases)
            {
                progress?.Report(c);
                done.Add(c);
            }
            return new ParityReport(directory, what, "cpu", done);
        }
    }

    /// <summary>Runs a case; what goes wrong in it is its failure, not the run's.</summary>
    internal static ParityCase RunCase(string name, string task, Action<CaseChecks> run, Func<IReadOnlyList<string>>? notCompared = null)
    {
        var checks = new CaseChecks();
        string? reason = null;
        try
        {
            run(checks);
            if (checks.All.Count == 0)
                reason = "the case holds nothing to compare with";
        }
        catch (Tuna2Exception e)
        {
            reason = e.Message;
        }
        return new ParityCase(name, task, reason is null && checks.Passed ? ParityStatus.Passed : ParityStatus.Failed, reason, checks.All, notCompared?.Invoke() ?? []);
    }

    /// <summary>A file named in cases.json, relative to it.</summary>
    internal static string FileOf(string directory, JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? Path.GetFullPath(Path.Combine(directory, value.GetString()!))
            : throw new ModelException($"{Path.Combine(directory, "cases.json")}: '{key}' is missing or not a text");

    /// <summary>The cases listed in cases.json.</summary>
    internal static IEnumerable<JsonElement> CasesOf(string directory, JsonElement root) =>
        root.TryGetProperty("cases", out var cases) && cases.ValueKind == JsonValueKind.Array
            ? cases.EnumerateArray()
            : throw new ModelException($"{Path.Combine(directory, "cases.json")}: 'cases' is missing or not a list");

    private static JsonDocument Parse(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: not JSON: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read: {e.Message}", e);
        }
    }
}
