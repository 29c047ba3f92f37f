using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Tuna2.Engine.Weights;

/// <summary>
/// The weights of a model: one file, or the several of a sharded checkpoint seen as one. Opening checks all headers; no tensor is
/// read.
/// </summary>
/// <remarks>All members may be used from several threads at once.</remarks>
public sealed partial class Checkpoint : IDisposable
{
    /// <summary>Where a Tuna model may keep the weights of its VAE, apart from the rest.</summary>
    public const string VaeName = "vae.safetensors";

    /// <summary>The same under the name of the published file, converted to safetensors.</summary>
    public const string WanVaeName = "Wan2.2_VAE.safetensors";

    /// <summary>The VAE as it is published. It is read where the model has no other.</summary>
    public const string WanVaeTorchName = "Wan2.2_VAE.pth";

    /// <summary>What stands before the VAE's own names in the model: published alone, it is <c>encoder.conv1.weight</c>, not <c>vae.model.encoder.conv1.weight</c>.</summary>
    internal const string VaePrefix = "vae.model.";

    private const string SingleName = "model.safetensors";

    private readonly Dictionary<string, WeightFile> filesByPath = [];
    private readonly Dictionary<string, TensorInfo> tensors = [];
    private readonly List<WeightFile> files = [];

    private Checkpoint(string path) => Path = path;

    /// <summary>The directory or file the checkpoint was opened by.</summary>
    public string Path { get; }

    /// <summary>
    /// Every tensor by its name in the model. That is its name in its file, but for a VAE in a file of its own, whose names may lack
    /// the model's <c>vae.model.</c> before them.
    /// </summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => tensors;

    /// <summary>The files that hold them.</summary>
    public IReadOnlyList<WeightFile> Files => files;

    /// <summary>The bytes of all tensors together.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    public TensorInfo this[string name] =>
        tensors.TryGetValue(name, out var tensor) ? tensor : throw new ModelException($"{Path}: there is no tensor '{name}'");

    /// <summary>
    /// Opens a model directory or a single file (<see cref="WeightFile.Open"/>). A directory holds <c>model.safetensors</c>, or shards
    /// with their <c>model.safetensors.index.json</c>, or shards alone (<c>model*.safetensors</c>); and, beside any of them,
    /// <c>vae.safetensors</c> or <c>Wan2.2_VAE.safetensors</c> where the VAE is kept apart, under the model's names or its own. Where
    /// the VAE is in none of those, <c>Wan2.2_VAE.pth</c> is it.
    /// </summary>
    /// <exception cref="ModelException">
    /// There are no weights, a file is damaged, a shard is missing or lies outside the directory, a tensor is in two files, or
    /// the index disagrees with the shards. The message lists all of it.
    /// </exception>
    public static Checkpoint Open(string directoryOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(directoryOrFile);
        var checkpoint = new Checkpoint(directoryOrFile);
        try
        {
            if (directoryOrFile.EndsWith(".index.json", StringComparison.Ordinal))
                checkpoint.AddIndexed(directoryOrFile);
            else if (Directory.Exists(directoryOrFile))
                checkpoint.AddDirectory();
            else
                checkpoint.AddFiles([directoryOrFile], null);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Tensors that are in no file, in bfloat16: enough to count and to place, and an error to read.</summary>
    public static Checkpoint Declared(string name, IEnumerable<ExpectedTensor> expected)
    {
        var checkpoint = new Checkpoint(name);
        foreach (var tensor in expected)
        {
            var declared = new TensorInfo(tensor.Name, DType.BF16, tensor.Shape, 0, name);
            checkpoint.tensors.Add(tensor.Name, declared);
            checkpoint.TotalBytes += declared.ByteLength;
        }
        return checkpoint;
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => tensors.ContainsKey(name);

    /// <summary>The tensor of that name; false when there is none.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorInfo? tensor) => tensors.TryGetValue(name, out tensor);

    /// <inheritdoc cref="WeightFile.Read(TensorInfo, long, Span{byte})"/>
    public void Read(TensorInfo tensor, long byteOffset, Span<byte> destination) => FileOf(tensor).Read(tensor, byteOffset, destination);

    /// <inheritdoc cref="WeightFile.Read(TensorInfo, long, byte*, long)"/>
    internal unsafe void Read(TensorInfo tensor, long byteOffset, byte* destination, long length) =>
        FileOf(tensor).Read(tensor, byteOffset, destination, length);

    /// <inheritdoc cref="WeightFile.ReadBytes"/>
    public byte[] ReadBytes(string name) => FileOf(this[name]).ReadBytes(this[name].Name);

    /// <inheritdoc cref="WeightFile.ReadFloat32"/>
    public float[] ReadFloat32(string name) => FileOf(this[name]).ReadFloat32(this[name].Name);

    /// <inheritdoc cref="WeightFile.ReadInt64"/>
    public long[] ReadInt64(string name) => FileOf(this[name]).ReadInt64(this[name].Name);

    /// <summary>Closes every file.</summary>
    public void Dispose() => files.ForEach(file => file.Dispose());

    private WeightFile FileOf(TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return filesByPath.TryGetValue(tensor.Path, out var file)
            ? file
            : throw new ArgumentException($"The tensor '{tensor.Name}' is not of the checkpoint {Path}.", nameof(tensor));
    }

    private void AddDirectory()
    {
        var single = System.IO.Path.Combine(Path, SingleName);
        var index = System.IO.Path.Combine(Path, SafetensorsWriter.IndexName);
        if (File.Exists(single) && File.Exists(index))
            throw new ModelException($"{Path}: there is both a {SingleName} and a {SafetensorsWriter.IndexName}: remove the one that is not the model");
        if (File.Exists(index))
        {
            AddIndexed(index);
            return;
        }
        var paths = File.Exists(single) ? [single] : FindShards();
        AddFiles([.. paths, .. FindVae(Path)], null);
        AddTorchVae(Path);
    }

    private void AddIndexed(string indexPath)
    {
        var index = ShardIndex.Read(indexPath);
        var directory = System.IO.Path.GetDirectoryName(indexPath)!;
        var paths = index.WeightMap.Values.Distinct().Order(StringComparer.Ordinal)
            .Select(name => System.IO.Path.Combine(directory, name)).ToList();
        AddFiles([.. paths.Union(FindVae(directory))], index);
        AddTorchVae(directory);
    }

    /// <summary>The published file is often left beside the one it was converted to: it is read only where there is no other.</summary>
    private void AddTorchVae(string directory)
    {
        var path = System.IO.Path.Combine(directory, WanVaeTorchName);
        if (File.Exists(path) && !tensors.Keys.Any(name => name.StartsWith("vae.", StringComparison.Ordinal)))
            AddFiles([path], null);
    }

    private static IEnumerable<string> FindVae(string directory) =>
        new[] { VaeName, WanVaeName }.Select(name => System.IO.Path.Combine(directory, name)).Where(File.Exists);

    private static bool IsVae(string path) => System.IO.Path.GetFileName(path) is VaeName or WanVaeName or WanVaeTorchName;

    /// <summary>What a tensor is called in the model.</summary>
    private static string ModelName(TensorInfo tensor) =>
        IsVae(tensor.Path) && !tensor.Name.StartsWith("vae.", StringComparison.Ordinal) ? VaePrefix + tensor.Name : tensor.Name;

    private List<string> FindShards()
    {
        List<string> paths;
        try
        {
            paths = [.. Directory.EnumerateFiles(Path, "model*.safetensors").Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{Path}: cannot be read: {e.Message}", e);
        }
        if (paths.Count == 0)
            throw new ModelException($"{Path}: there are no weights: no {SingleName}, no {SafetensorsWriter.IndexName}, no model*.safetensors");
        CheckNumbering(paths);
        return paths;
    }

    // Without an index, names such as model-00002-of-00003.safetensors still tell which files there should be.
    private void CheckNumbering(List<string> paths)
    {
        var present = paths.Select(path => System.IO.Path.GetFileName(path)).ToHashSet();
        List<string> missing = [];
        foreach (var count in present.Select(name => Numbered().Match(name)).Where(match => match.Success)
            .Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).Distinct())
            missing.AddRange(Enumerable.Range(0, count).Select(i => SafetensorsWriter.ShardName(i, count)).Where(name => !present.Contains(name)));
        var problems = new Listing();
        problems.Add(("shard is missing", "shards are missing"), missing);
        if (!problems.IsEmpty) throw new ModelException($"{Path}: {problems}");
    }

    [GeneratedRegex(@"^model-[0-9]{5}-of-([0-9]{5})\.safetensors$")]
    private static partial Regex Numbered();

    private void AddFiles(IReadOnlyList<string> paths, ShardIndex? index)
    {
        List<string> missing = [], doubled = [];
        foreach (var path in paths)
        {
            if (index is not null && !File.Exists(path))
            {
                missing.Add(System.IO.Path.GetFileName(path));
                continue;
            }
            var file = WeightFile.Open(path);
            files.Add(file);
            filesByPath.Add(path, file);
            foreach (var tensor in file.Tensors)
            {
                var name = ModelName(tensor);
                if (tensors.TryAdd(name, tensor))
                    TotalBytes += tensor.ByteLength;
                else
                    doubled.Add($"{name} (in {System.IO.Path.GetFileName(tensors[name].Path)} and {System.IO.Path.GetFileName(path)})");
            }
        }
        var problems = new Listing();
        problems.Add(("shard is missing", "shards are missing"), missing);
        problems.Add(("tensor is in two files", "tensors are in two files"), doubled);
        if (index is not null) CompareWithIndex(index, missing, problems);
        if (!problems.IsEmpty) throw new ModelException($"{index?.Path ?? Path}: {problems}");
    }

    private void CompareWithIndex(ShardIndex index, List<string> missingShards, Listing problems)
    {
        List<string> absent = [], elsewhere = [];
        foreach (var (name, shard) in index.WeightMap)
        {
            if (missingShards.Contains(shard)) continue;
            if (!tensors.TryGetValue(name, out var tensor))
                absent.Add($"{name} ({shard})");
            else if (System.IO.Path.GetFileName(tensor.Path) != shard)
                elsewhere.Add($"{name} (in {System.IO.Path.GetFileName(tensor.Path)}, not {shard})");
        }
        var unlisted = tensors.Values.Where(tensor => !index.WeightMap.ContainsKey(tensor.Name) && !IsVae(tensor.Path))
            .Select(tensor => $"{tensor.Name} ({System.IO.Path.GetFileName(tensor.Path)})").ToList();
        problems.Add(("tensor of the index is not in its shard", "tensors of the index are not in their shards"), absent);
        problems.Add(("tensor is in another shard than the index says", "tensors are in other shards than the index says"), elsewhere);
        problems.Add(("tensor of a shard is not in the index", "tensors of the shards are not in the index"), unlisted);
    }
}
