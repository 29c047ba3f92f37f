using System.Text;
using System.Text.Json;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Weights;

/// <summary>
/// The law on weights: what tensors, of which shapes and types, a model of a given config has. It is the file
/// <c>weights-manifest.json</c> at the root of the repository, which the library carries.
/// </summary>
public static class WeightsManifest
{
    private const string ResourceName = "weights-manifest.json";

    // VAE tensors are told apart in messages: they may lie in a file of their own, which is easily forgotten.
    private const string VaePrefix = "vae.";

    private static readonly Lazy<JsonDocument> Document = new(ReadResource);

    private static readonly Lazy<IReadOnlyList<ManifestCheckpoint>> AllCheckpoints = new(ReadCheckpoints);

    /// <summary>The checkpoints known by name: the official ones, one of a size between, and the small one that comes with the sources.</summary>
    public static IReadOnlyList<ManifestCheckpoint> Checkpoints => AllCheckpoints.Value;

    /// <summary>The manifest's own text, UTF-8 JSON.</summary>
    public static string Text => Root.GetRawText();

    private static JsonElement Root => Document.Value.RootElement;

    /// <summary>Every tensor a model of that config has, in the order of the manifest; none is named twice.</summary>
    public static IReadOnlyList<ExpectedTensor> Expect(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        List<ExpectedTensor> expected = [];
        var scope = ManifestScope.Of(config);
        foreach (var group in Family(config.Variant).GetProperty("use").EnumerateArray())
            AddGroup(group.GetString()!, "", scope, expected);
        return expected;
    }

    /// <summary>Compares the weights with what the config asks for.</summary>
    /// <exception cref="ModelException">
    /// The weights are of another family, or tensors are missing, misshapen, of a type that cannot be, or not part of the model.
    /// One message lists all of it.
    /// </exception>
    public static void Check(ModelConfig config, Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (Identify(checkpoint) is { } variant && variant != config.Variant)
            throw new ModelException($"{checkpoint.Path}: these are {variant.Name()} weights: the config is of {config.Variant.Name()}");

        var expected = Expect(config);
        List<string> missing = [], missingVae = [], misshapen = [], wrongType = [];
        foreach (var tensor in expected)
        {
            if (!checkpoint.TryGet(tensor.Name, out var found))
            {
                if (tensor.IsOptional) continue;
                (tensor.Name.StartsWith(VaePrefix, StringComparison.Ordinal) ? missingVae : missing).Add($"{tensor.Name} {TensorShape.Text(tensor.Shape)}");
                continue;
            }
            if (!found.Shape.SequenceEqual(tensor.Shape))
                misshapen.Add($"{tensor.Name} is {TensorShape.Text(found.Shape)}, not {TensorShape.Text(tensor.Shape)}");
            if (!tensor.DTypes.Contains(found.DType))
                wrongType.Add($"{tensor.Name} is {found.DType.Name()}, not {string.Join(" or ", tensor.DTypes.Select(type => type.Name()))}");
        }
        var names = expected.Select(tensor => tensor.Name).ToHashSet();
        var unexpected = checkpoint.Tensors.Where(tensor => !names.Contains(tensor.Key))
            .OrderBy(tensor => tensor.Key, StringComparer.Ordinal).Select(tensor => $"{tensor.Key} {TensorShape.Text(tensor.Value.Shape)}").ToList();

        var problems = new Listing();
        problems.Add(("tensor is missing", "tensors are missing"), missing);
        var vaeAbsent = !checkpoint.Tensors.Keys.Any(name => name.StartsWith(VaePrefix, StringComparison.Ordinal));
        var place = vaeAbsent ? $" (the whole VAE: put it beside the model as {Checkpoint.VaeName}, {Checkpoint.WanVaeName} or {Checkpoint.WanVaeTorchName})" : "";
        problems.Add(($"tensor of the VAE is missing{place}", $"tensors of the VAE are missing{place}"), missingVae);
        problems.Add(("tensor has another shape", "tensors have other shapes"), misshapen);
        problems.Add(("tensor has a type that cannot be", "tensors have types that cannot be"), wrongType);
        problems.Add(("tensor is not part of the model", "tensors are not part of the model"), unexpected);
        if (!problems.IsEmpty) throw new ModelException($"{checkpoint.Path}: not the weights of this {config.Variant.Name()} config: {problems}");
    }

    /// <summary>The family the weights are of, by the tensor that marks each; null when they are of none.</summary>
    public static ModelVariant? Identify(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        foreach (var variant in Enum.GetValues<ModelVariant>())
        {
            var mark = Family(variant).GetProperty("mark");
            if (checkpoint.TryGet(mark.GetProperty("name").GetString()!, out var tensor) && Matches(tensor.Shape, mark.GetProperty("shape")))
                return variant;
        }
        return null;
    }

    /// <summary>The known checkpoint that has exactly the tensors a config asks for; null when there is none.</summary>
    public static ManifestCheckpoint? Identify(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var shape = Shape(config);
        return Checkpoints.FirstOrDefault(checkpoint => Shape(checkpoint.Config) == shape);
    }

    // All of a config that decides on tensors; epsilons, frequencies and defaults do not.
    private static string Shape(ModelConfig config) =>
        string.Join('\n', Expect(config).Select(tensor => $"{tensor.Name} {TensorShape.Text(tensor.Shape)} {tensor.IsOptional}"));

    private static bool Matches(IReadOnlyList<long> shape, JsonElement pattern)
    {
        if (shape.Count != pattern.GetArrayLength()) return false;
        for (var i = 0; i < shape.Count; i++)
            if (pattern[i].ValueKind == JsonValueKind.Number && pattern[i].GetInt64() != shape[i]) return false;
        return true;
    }

    private static JsonElement Family(ModelVariant variant) => Root.GetProperty("families").GetProperty(variant.Name());

    private static void AddGroup(string group, string prefix, ManifestScope scope, List<ExpectedTensor> expected)
    {
        foreach (var entry in Root.GetProperty("groups").GetProperty(group).EnumerateArray())
        {
            if (!entry.TryGetProperty("each", out var each))
            {
                AddEntry(entry, prefix, scope, expected);
                continue;
            }
            IEnumerable<ManifestScope> scopes = [scope];
            foreach (var variable in each.EnumerateObject()) scopes = scopes.SelectMany(outer => Repeat(outer, variable.Name, variable.Value.GetString()!));
            foreach (var inner in scopes) AddEntry(entry, prefix, inner, expected);
        }
    }

    private static IEnumerable<ManifestScope> Repeat(ManifestScope scope, string variable, string range)
    {
        var dots = range.IndexOf("..", StringComparison.Ordinal);
        var begin = dots < 0 ? 0 : scope.Evaluate(range[..dots]);
        var end = scope.Evaluate(dots < 0 ? range : range[(dots + 2)..]);
        for (var i = begin; i < end; i++) yield return scope.With(variable, i);
    }

    private static void AddEntry(JsonElement entry, string prefix, ManifestScope scope, List<ExpectedTensor> expected)
    {
        if (entry.TryGetProperty("when", out var when) && scope.Evaluate(when.GetString()!) == 0) return;
        var name = prefix + scope.Expand(entry.GetProperty("name").GetString()!);
        if (entry.TryGetProperty("use", out var group))
        {
            var inner = entry.GetProperty("with").EnumerateObject()
                .Aggregate(scope, (outer, value) => outer.With(value.Name, scope.Evaluate(value.Value.GetString()!)));
            AddGroup(group.GetString()!, name + ".", inner, expected);
            return;
        }
        expected.Add(new ExpectedTensor(
            name,
            [.. entry.GetProperty("shape").EnumerateArray()
                .Select(size => size.ValueKind == JsonValueKind.Number ? size.GetInt64() : scope.Evaluate(size.GetString()!))],
            ReadDTypes(entry.TryGetProperty("dtypes", out var own) ? own : Root.GetProperty("dtypes")),
            entry.TryGetProperty("optional", out var optional) && scope.Evaluate(optional.GetString()!) != 0));
    }

    private static DType[] ReadDTypes(JsonElement names) => [.. names.EnumerateArray().Select(ReadDType)];

    private static DType ReadDType(JsonElement name) => DTypes.TryParse(name.GetString(), out var dtype)
        ? dtype
        : throw new InvalidOperationException($"{ResourceName}: unknown type '{name}'");

    private static JsonDocument ReadResource()
    {
        using var stream = typeof(WeightsManifest).Assembly.GetManifestResourceStream(ResourceName)
            ?? throw new InvalidOperationException($"the library was built without {ResourceName}");
        return JsonDocument.Parse(stream, new JsonDocumentOptions { AllowDuplicateProperties = false });
    }

    private static List<ManifestCheckpoint> ReadCheckpoints() =>
        [.. Root.GetProperty("checkpoints").EnumerateArray().Select(checkpoint => new ManifestCheckpoint
        {
            Name = checkpoint.GetProperty("name").GetString()!,
            ConfigJson = checkpoint.GetProperty("config").GetRawText(),
            Config = ModelConfig.Parse(
                Encoding.UTF8.GetBytes(checkpoint.GetProperty("config").GetRawText()),
                $"{ResourceName}: {checkpoint.GetProperty("name").GetString()}"),
            DType = ReadDType(checkpoint.GetProperty("dtype")),
            TensorCount = checkpoint.GetProperty("tensors").GetInt32(),
            ParameterCount = checkpoint.GetProperty("parameters").GetInt64(),
            Files = [.. checkpoint.GetProperty("files").EnumerateArray().Select(file => new ManifestFile(
                file.GetProperty("name").GetString()!, file.GetProperty("bytes").GetInt64(), file.GetProperty("sha256").GetString()!))],
            Directory = checkpoint.TryGetProperty("directory", out var directory) ? directory.GetString() : null,
        })];
}
