using System.Text.Json;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Parity;

/// <summary>Kind "tokenizer": lines of text and the ids they must give, exactly.</summary>
internal static class TokenizerParity
{
    public static IEnumerable<ParityCase> Run(string directory, JsonElement root, CancellationToken cancellation)
    {
        var tokenizer = Tokenizer.Load(ParityRunner.FileOf(directory, root, "tokenizer"));
        var path = ParityRunner.FileOf(directory, root, "vectors");
        if (!File.Exists(path))
            throw new ModelException($"{path}: no such file");
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            cancellation.ThrowIfCancellationRequested();
            if (string.IsNullOrWhiteSpace(line))
                continue;
            yield return ParityRunner.RunCase($"line {number}", "tokenizer", checks =>
            {
                var (text, ids) = Read(path, number, line);
                checks.Identical("ids", "", [.. tokenizer.Encode(text).Select(id => (long)id)], ids);
            });
        }
    }

    private static (string Text, long[] Ids) Read(string path, int number, string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return (document.RootElement.GetProperty("text").GetString()!, [.. document.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt64())]);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelException($"{path}: line {number} is not an object with text and ids", e);
        }
    }
}
