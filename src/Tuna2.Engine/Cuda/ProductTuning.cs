using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>A product with the algorithm that was fastest.</summary>
/// <param name="Shape">The product.</param>
/// <param name="Algorithm">The algorithm.</param>
/// <param name="Microseconds">Its time.</param>
/// <param name="HeuristicMicroseconds">The time of the algorithm cuBLASLt advises.</param>
internal sealed record TunedProduct(ProductShape Shape, cublasLtMatmulAlgo_t Algorithm, double Microseconds, double HeuristicMicroseconds);

/// <summary>
/// Algorithms that were timed, as a JSON file: of one GPU and one version of cuBLASLt, for there alone they mean what they say. It is
/// made and chosen by hand, never on the way: other algorithms round in other places.
/// </summary>
internal sealed class ProductTuning
{
    private const int Format = 2;
    private const int HashDigits = 12;
    private const long MaxFileBytes = 16 << 20;

    private readonly Dictionary<ProductShape, cublasLtMatmulAlgo_t> _algorithms = [];

    private ProductTuning(string name, string hash, string gpu, long library) => (Name, Hash, Gpu, Library) = (name, hash, gpu, library);

    /// <summary>The file's name, without its folder.</summary>
    public string Name { get; }

    /// <summary>The first digits of the SHA-256 of the file.</summary>
    public string Hash { get; }

    /// <summary>The GPU it was made on.</summary>
    public string Gpu { get; }

    /// <summary>The version of cuBLASLt it was made with, as one number.</summary>
    public long Library { get; }

    /// <summary>How many products it has.</summary>
    public int Count => _algorithms.Count;

    /// <summary>"h200.json (sha256 0123456789ab)".</summary>
    public string Identity => $"{Name} (sha256 {Hash})";

    /// <summary>The algorithm for a product; null where none was stored.</summary>
    public cublasLtMatmulAlgo_t? Find(in ProductShape shape) => _algorithms.TryGetValue(shape, out var algorithm) ? algorithm : null;

    /// <exception cref="DeviceException">It is of another GPU or of another version of cuBLASLt.</exception>
    public void CheckFor(CublasLtHandle lt)
    {
        var device = lt.Context.Device;
        if (Gpu != device.Name || Library != lt.Library.Number)
            throw new DeviceException(string.Create(CultureInfo.InvariantCulture,
                $"{Name}: tuned on {OneLine.Of(Gpu)} with cuBLASLt {Library}, this is {device.Name} with {lt.Library.Number}; tune again"));
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="RequestException">It is not there or no such file.</exception>
    public static ProductTuning Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
                throw new RequestException($"{path}: not a tuning: longer than {ByteCount.Of(MaxFileBytes)}");
            var bytes = File.ReadAllBytes(path);
            using var document = JsonDocument.Parse(bytes, new() { AllowDuplicateProperties = false });
            var root = document.RootElement;
            if (root.GetProperty("format").GetInt32() != Format)
                throw new RequestException($"{path}: a tuning of another format than {Format}");
            var tuning = new ProductTuning(
                Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(bytes))[..HashDigits],
                root.GetProperty("gpu").GetString()!, root.GetProperty("cublaslt").GetInt64());
            foreach (var product in root.GetProperty("products").EnumerateArray())
                if (!tuning._algorithms.TryAdd(ShapeOf(product), AlgorithmOf(product.GetProperty("algorithm").GetString()!)))
                    throw new RequestException($"{path}: {ShapeOf(product)} is there twice");
            return tuning;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            throw new RequestException($"{path}: {(e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : $"not a tuning: {OneLine.Of(e.Message)}")}");
        }
    }

    /// <summary>Writes a file, all of it or nothing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="lt">The library and the device the times are of.</param>
    /// <param name="products">What was found.</param>
    public static void Write(string path, CublasLtHandle lt, IEnumerable<TunedProduct> products) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new() { Indented = true });
        json.WriteStartObject();
        json.WriteNumber("format", Format);
        json.WriteString("gpu", lt.Context.Device.Name);
        json.WriteString("driver", lt.Context.Driver.Version.ToString());
        json.WriteNumber("cublaslt", lt.Library.Number);
        json.WriteStartArray("products");
        foreach (var product in products)
        {
            var shape = product.Shape;
            json.WriteStartObject();
            json.WriteNumber("m", shape.M);
            json.WriteNumber("n", shape.N);
            json.WriteNumber("k", shape.K);
            json.WriteString("element", shape.Element.Suffix());
            json.WriteString("output", shape.Output.Suffix());
            json.WriteBoolean("bias", shape.Bias);
            json.WriteBoolean("residual", shape.Residual);
            json.WriteString("activation", shape.Activation == Activation.None ? "none" : shape.Activation.Suffix()[1..]);
            json.WriteString("algorithm", HexOf(product.Algorithm));
            json.WriteNumber("us", Math.Round(product.Microseconds, 3));
            json.WriteNumber("us_heuristic", Math.Round(product.HeuristicMicroseconds, 3));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static ProductShape ShapeOf(JsonElement product) => Parsed(product) is var shape && ProductPlan.Has(shape) ? shape : throw new FormatException($"{shape} is no product of cuBLASLt's");

    private static ProductShape Parsed(JsonElement product) => new(
        product.GetProperty("m").GetInt32(), product.GetProperty("n").GetInt32(), product.GetProperty("k").GetInt32(),
        ElementOf(product.GetProperty("element").GetString()!), ElementOf(product.GetProperty("output").GetString()!),
        product.GetProperty("bias").GetBoolean(), product.GetProperty("residual").GetBoolean(), ActivationOf(product.GetProperty("activation").GetString()!));

    private static Activation ActivationOf(string name) => name switch
    {
        "none" => Activation.None,
        "gelu_tanh" => Activation.GeluTanh,
        _ => throw new FormatException($"'{name}' is no activation of cuBLASLt's"),
    };

    private static ElementType ElementOf(string name) => name switch
    {
        "bf16" => ElementType.BF16,
        "f32" => ElementType.F32,
        "e4m3" => ElementType.E4M3,
        _ => throw new FormatException($"'{name}' is no element type"),
    };

    private static string HexOf(cublasLtMatmulAlgo_t algorithm) => string.Concat(((ReadOnlySpan<ulong>)algorithm).ToArray().Select(w => w.ToString("x16", CultureInfo.InvariantCulture)));

    private static cublasLtMatmulAlgo_t AlgorithmOf(string hex)
    {
        const int Digits = 16;
        var algorithm = default(cublasLtMatmulAlgo_t);
        if (hex.Length != Digits * cublasLtMatmulAlgo_t.Words)
            throw new FormatException($"an algorithm of {hex.Length} digits");
        for (var i = 0; i < cublasLtMatmulAlgo_t.Words; i++)
            algorithm[i] = ulong.Parse(hex.AsSpan(i * Digits, Digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        return algorithm;
    }
}
