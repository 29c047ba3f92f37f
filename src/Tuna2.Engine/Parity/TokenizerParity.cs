using System.Globalization;
using System.Text;
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
            using var document = JsonDocument.Parse(RepairSurrogates(line));
            return (document.RootElement.GetProperty("text").GetString()!, [.. document.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt64())]);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelException($"{path}: line {number} is not an object with text and ids", e);
        }
    }

    /// <summary>
    /// Escapes of half a surrogate pair as U+FFFD, which is what they become in UTF-8 anyway: a JSON reader refuses them, and
    /// a vector may well test them.
    /// </summary>
    private static string RepairSurrogates(string json)
    {
        var repaired = new StringBuilder(json.Length);
        for (var i = 0; i < json.Length; i++)
        {
            if (json[i] != '\\' || i + 1 == json.Length)
            {
                repaired.Append(json[i]);
            }
            else if (Escaped(i) is not { } first)
            {
                repaired.Append(json, i++, 2);
            }
            else if (char.IsHighSurrogate(first) && Escaped(i + 6) is { } second && char.IsLowSurrogate(second))
            {
                repaired.Append(json, i, 12);
                i += 11;
            }
            else
            {
                repaired.Append(char.IsSurrogate(first) ? "\\ufffd" : json.AsSpan(i, 6));
                i += 5;
            }
        }
        return repaired.ToString();

        char? Escaped(int at) => at + 6 <= json.Length && json[at] == '\\' && json[at + 1] == 'u'
            && ushort.TryParse(json.AsSpan(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) ? (char)code : null;
    }
}
