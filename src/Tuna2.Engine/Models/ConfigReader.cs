using System.Globalization;
using System.Text.Json;

namespace Tuna2.Engine.Models;

/// <summary>
/// Reads the values of one JSON object of a config.json and says, in one line with the file and the key, what is wrong with one.
/// Keys it is not asked for are ignored.
/// </summary>
internal readonly struct ConfigReader
{
    // Far above any model, low enough that products of two stay far from overflow.
    private const int LargestSize = 1 << 24;

    private readonly string source;
    private readonly string prefix;
    private readonly JsonElement element;

    /// <summary>A reader of <paramref name="element"/>; <paramref name="prefix"/> is what its keys are called in messages.</summary>
    public ConfigReader(string source, string prefix, JsonElement element)
    {
        this.source = source;
        this.prefix = prefix;
        this.element = element;
        if (element.ValueKind != JsonValueKind.Object)
            throw new ModelException(prefix.Length == 0 ? $"{source}: not a JSON object" : $"{source}: '{prefix.TrimEnd('.')}' is not an object");
    }

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The reader of an object under a key.</summary>
    public ConfigReader Object(string key) => new(source, $"{prefix}{key}.", Get(key));

    /// <summary>An integer from 1 to <paramref name="largest"/>.</summary>
    public int Size(string key, int largest = LargestSize) => Integer(Get(key), key, largest);

    /// <summary>A positive integer, or <paramref name="otherwise"/> where the key is missing.</summary>
    public int SizeOr(string key, int otherwise) => Has(key) ? Size(key) : otherwise;

    /// <summary>A positive, finite number no larger than <paramref name="largest"/>.</summary>
    public float Positive(string key, float largest) => NonNegative(key, largest) is > 0 and var value ? value : throw Bad(key, "is 0");

    /// <summary>A finite number from 0 to <paramref name="largest"/>.</summary>
    public float NonNegative(string key, float largest)
    {
        var value = Get(key);
        if (value.ValueKind != JsonValueKind.Number) throw Bad(key, "is not a number");
        // Compared as double: 1e39 would be infinite as float.
        return value.TryGetDouble(out var number) && number >= 0 && number <= largest
            ? (float)number
            : throw Bad(key, string.Create(CultureInfo.InvariantCulture, $"is {OneLine.Of(value.GetRawText())}, not a number from 0 to {largest}"));
    }

    /// <summary>A string.</summary>
    public string Text(string key)
    {
        var value = Get(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Bad(key, "is not a string");
    }

    /// <summary>A boolean.</summary>
    public bool Flag(string key) => Boolean(Get(key), key);

    /// <summary>A list of integers from 1 to <paramref name="largest"/>, not empty.</summary>
    public int[] Sizes(string key, int largest)
    {
        List<int> values = [];
        foreach (var item in Items(key)) values.Add(Integer(item, key, largest));
        return values.Count > 0 ? [.. values] : throw Bad(key, "is empty");
    }

    /// <summary>A list of booleans.</summary>
    public bool[] Flags(string key)
    {
        List<bool> values = [];
        foreach (var item in Items(key)) values.Add(Boolean(item, key));
        return [.. values];
    }

    /// <summary>The error for the value of <paramref name="key"/>; <paramref name="what"/> goes on from the key's name.</summary>
    public ModelException Bad(string key, string what) => new($"{source}: '{prefix}{key}' {what}");

    private JsonElement Get(string key) => element.TryGetProperty(key, out var value) ? value : throw Bad(key, "is missing");

    private JsonElement.ArrayEnumerator Items(string key)
    {
        var value = Get(key);
        return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Bad(key, "is not an array");
    }

    private int Integer(JsonElement value, string key, int largest)
    {
        if (value.ValueKind != JsonValueKind.Number) throw Bad(key, "is not a number");
        return value.TryGetInt32(out var number) && number > 0 && number <= largest
            ? number
            : throw Bad(key, $"is {OneLine.Of(value.GetRawText())}, not an integer from 1 to {largest}");
    }

    private bool Boolean(JsonElement value, string key) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Bad(key, "is not true or false"),
    };
}
