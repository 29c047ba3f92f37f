using System.Text;

namespace Tuna2.Engine.Weights;

/// <summary>Collects problems, so that one error tells them all: the first few of each kind by name, the rest by number.</summary>
internal sealed class Listing
{
    private const int Shown = 8;

    private readonly StringBuilder text = new();

    /// <summary>Whether nothing was added.</summary>
    public bool IsEmpty => text.Length == 0;

    /// <summary>Adds <c>N what: first, second, ... and M more</c>; nothing when there are no items.</summary>
    /// <param name="what">What is wrong with them, for one and for more: <c>("tensor is missing", "tensors are missing")</c>.</param>
    /// <param name="items">The offenders.</param>
    public void Add((string One, string Many) what, IReadOnlyCollection<string> items)
    {
        if (items.Count == 0) return;
        if (!IsEmpty) text.Append("; ");
        text.Append(items.Count).Append(' ').Append(items.Count == 1 ? what.One : what.Many).Append(": ");
        text.AppendJoin(", ", items.Take(Shown).Select(OneLine.Of));
        if (items.Count > Shown) text.Append(" and ").Append(items.Count - Shown).Append(" more");
    }

    /// <summary>All problems on one line.</summary>
    public override string ToString() => text.ToString();
}
