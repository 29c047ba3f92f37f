using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Parity;

/// <summary>
/// Kind "torch_rng": draws of torch's CPU generator. A tensor's name says what it is: "seedS_WHAT" the first draw after
/// manual_seed(S), "seedS_next_WHAT" the draw after the seed's first one, "..._firstN" and "..._lastN" a slice of a draw
/// whose size the name gives.
/// </summary>
internal static partial class NoiseParity
{
    /// <summary>Relative error; torch's own machine-dependent paths differ by about 1e-7.</summary>
    public const double Limit = 1e-6;

    public static IEnumerable<ParityCase> Run(string directory, JsonElement root)
    {
        using var file = new SafetensorsFile(ParityRunner.FileOf(directory, root, "tensors"));
        foreach (var tensor in file.Tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
            yield return ParityRunner.RunCase(tensor.Name, "randn", checks =>
                checks.Floats("randn", "", Draw(file, tensor), file.ReadFloat32(tensor.Name), 0, Limit));
    }

    private static float[] Draw(SafetensorsFile file, TensorInfo tensor)
    {
        var name = Pattern().Match(tensor.Name);
        if (!name.Success || !ulong.TryParse(name.Groups["seed"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var seed))
            throw new ModelException($"{file.Path}: tensor '{tensor.Name}' does not say which draw it is");
        var random = new TorchRandom(unchecked((long)seed));
        if (name.Groups["next"].Success)
        {
            var first = file.Tensors.FirstOrDefault(t => t.Name.StartsWith($"seed{seed}_3x", StringComparison.Ordinal) && !t.Name.Contains("first", StringComparison.Ordinal) && !t.Name.Contains("last", StringComparison.Ordinal))
                ?? throw new ModelException($"{file.Path}: tensor '{tensor.Name}' follows a draw that is not there");
            random.FillNormal(new float[first.ElementCount]);
        }
        var count = checked((int)tensor.ElementCount);
        var total = name.Groups["slice"].Success ? name.Groups["size"].Value.Split('x').Aggregate(1, (n, d) => checked(n * int.Parse(d, CultureInfo.InvariantCulture))) : count;
        if (total < count)
            throw new ModelException($"{file.Path}: tensor '{tensor.Name}' has {count} values of a draw of {total}");
        var draw = new float[total];
        random.FillNormal(draw);
        return name.Groups["slice"].Value == "last" ? draw[^count..] : draw[..count];
    }

    [GeneratedRegex(@"^seed(?<seed>[0-9]+)_(?<next>next_)?(?<size>[0-9x]+|[a-z]+[0-9]+)(_(?<slice>first|last)[0-9]+)?$")]
    private static partial Regex Pattern();
}
