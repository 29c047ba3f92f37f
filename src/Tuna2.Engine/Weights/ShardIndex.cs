using System.Text.Json;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A <c>model.safetensors.index.json</c>: which tensor lies in which file beside it. The format promises nothing about the file
/// names, so they are checked here: they must be plain names of entries of the directory. What an entry is a link to is the
/// user's business: in the Hugging Face cache every file is one.
/// </summary>
internal sealed class ShardIndex
{
    private ShardIndex(string path, IReadOnlyDictionary<string, string> weightMap)
    {
        Path = path;
        WeightMap = weightMap;
    }

    /// <summary>The index file.</summary>
    public string Path { get; }

    /// <summary>The shard's file name by tensor name.</summary>
    public IReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary>Reads the index and checks every file name in it; no shard is opened.</summary>
    /// <exception cref="ModelException">The index cannot be read, is not one, or names a file outside its directory.</exception>
    public static ShardIndex Read(string path)
    {
        Dictionary<string, string> map = [];
        try
        {
            using var stream = File.OpenRead(path);
            using var json = JsonDocument.Parse(stream, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Object
                || !json.RootElement.TryGetProperty("weight_map", out var weightMap)
                || weightMap.ValueKind != JsonValueKind.Object)
                throw new ModelException($"{path}: there is no object 'weight_map'");
            foreach (var entry in weightMap.EnumerateObject())
            {
                if (entry.Value.ValueKind != JsonValueKind.String)
                    throw new ModelException($"{path}: tensor '{OneLine.Of(entry.Name)}': the file name is not a string");
                map.Add(entry.Name, entry.Value.GetString()!);
            }
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: not valid JSON: {OneLine.Of(e)}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new ModelException($"{path}: a string is not valid Unicode", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be read: {e.Message}", e);
        }
        if (map.Count == 0) throw new ModelException($"{path}: 'weight_map' is empty");
        var index = new ShardIndex(path, map);
        index.CheckNames();
        return index;
    }

    private void CheckNames()
    {
        var outside = WeightMap.Values.Distinct().Where(name => !IsPlain(name))
            .Order(StringComparer.Ordinal).Select(name => $"'{name}'").ToList();
        var problems = new Listing();
        problems.Add(("shard is not a file of this directory", "shards are not files of this directory"), outside);
        if (!problems.IsEmpty) throw new ModelException($"{Path}: {problems}");
    }

    // Backslash and colon too: the same index must mean the same on every system.
    private static bool IsPlain(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
