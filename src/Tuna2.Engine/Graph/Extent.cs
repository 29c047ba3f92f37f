namespace Tuna2.Engine.Graph;

/// <summary>
/// A number of rows that is bounded when a graph is planned and set before each run: plans are made for the bound, kernels
/// are launched with the value.
/// </summary>
/// <param name="name">What is counted, for messages: "tokens", "patches".</param>
/// <param name="max">The bound the plan is made for.</param>
public sealed class Extent(string name, int max)
{
    private int _value = max;

    /// <summary>What is counted.</summary>
    public string Name { get; } = name;

    /// <summary>The bound the plan is made for.</summary>
    public int Max { get; } = max > 0 ? max : throw new ArgumentOutOfRangeException(nameof(max), max, $"the bound of '{name}' must be positive");

    /// <summary>The number of rows of the next run, 0 to <see cref="Max"/>.</summary>
    public int Value
    {
        get => _value;
        set => _value = value >= 0 && value <= Max
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"'{Name}' is planned for 0 to {Max}");
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}<={Max}";
}
