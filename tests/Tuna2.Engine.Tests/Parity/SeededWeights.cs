using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Parity;

/// <summary>
/// The weights of the small reference models are seeded random numbers, so the repository keeps their recipe instead of
/// their megabytes: one torch generator, tensors in the order of their names, biases 0.05 randn, norms 1 + 0.1 randn,
/// embeddings randn, positions 0.3 randn, AdaLN 0.6 randn / sqrt(fan in), all else randn / sqrt(fan in), rounded to bfloat16. The file made is
/// the one the references were computed with, to the byte.
/// </summary>
internal static class SeededWeights
{
    /// <summary>tests/fixtures/tuna2-tiny/model.safetensors, made when it is not there. git ignores it.</summary>
    public static void MakeTiny() => Make("tuna2-tiny", 1234, "f4252254b8841740f554d202fb3894189f0c08667bbfe833b8d3ed029dd01f93");

    /// <summary>tests/fixtures/tunar-tiny/model.safetensors, likewise.</summary>
    public static void MakeTunaR() => Make("tunar-tiny", 4321, "78b97851b5e3af6f064541d741a11d17d3fa6cffd71c1a3dd321082039deef01");

    /// <summary>
    /// tests/fixtures/tunavae-tiny/model.safetensors, likewise; but the gains of the VAE's norms, drawn in their turn, were drawn
    /// again, each from a generator seeded with the length of its name within the VAE.
    /// </summary>
    public static void MakeTuna() => Make("tunavae-tiny", 2468, "6ab8b23f0e6db0d1000856968591aeac93ce5aa6d1984e4ff6392510a874df59");

    private static void Make(string name, long seed, string sha256)
    {
        var path = Fixtures.Path(name, "model.safetensors");
        if (!File.Exists(path))
            SafetensorsWriter.Write(path, Tensors(Fixtures.Path("manifest", $"{name}.json"), new TorchRandom(seed)));
        using var file = File.OpenRead(path);
        var found = Convert.ToHexStringLower(SHA256.HashData(file));
        if (found != sha256)
            throw new InvalidDataException($"{path} has SHA-256 {found}, not {sha256}: remove it; if it comes back so, the recipe or the generator changed");
    }

    private static List<TensorData> Tensors(string listing, TorchRandom random)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(listing));
        return [.. json.RootElement.GetProperty("tensors").EnumerateArray()
            .Select(t => (Name: t.GetProperty("name").GetString()!, Shape: t.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToArray()))
            .OrderBy(t => t.Name, StringComparer.Ordinal)
            .Select(t => Tensor(t.Name, t.Shape, random))];
    }

    private static TensorData Tensor(string name, long[] shape, TorchRandom random)
    {
        var values = new float[shape.Aggregate(1L, (n, d) => n * d)];
        random.FillNormal(values);
        if (name.EndsWith(".gamma", StringComparison.Ordinal))
            new TorchRandom(name.Length - "vae.".Length).FillNormal(values);
        var fanIn = (float)Math.Sqrt(shape.Skip(1).Aggregate(1.0, (n, d) => n * d));
        for (var i = 0; i < values.Length; i++)
            values[i] = name.EndsWith(".bias", StringComparison.Ordinal) ? values[i] * 0.05f
                : shape.Length == 1 || name.EndsWith(".gamma", StringComparison.Ordinal) ? 1f + values[i] * 0.1f
                : name.Contains("embed_tokens", StringComparison.Ordinal) ? values[i]
                : name.Contains("position_embedding", StringComparison.Ordinal) ? values[i] * 0.3f
                : name.Contains("adaLN_modulation", StringComparison.Ordinal) ? values[i] * (0.6f / fanIn)
                : values[i] / fanIn;
        var rounded = new ushort[values.Length];
        FloatConversion.RoundToBF16(values, rounded);
        return new TensorData(name, DType.BF16, shape, MemoryMarshal.AsBytes(rounded.AsSpan()).ToArray());
    }
}
