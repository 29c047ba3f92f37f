using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What both kernels of fused attention are asked.</summary>
internal static class AttentionCases
{
    /// <summary>One sequence behind a prefix, of text or a span, whose keys do not begin at the caches' first row.</summary>
    public static IEnumerable<TestCaseData> OneSequence()
    {
        foreach (var dim in new[] { 64, 72, 128 })
        {
            foreach (var rows in new[] { 1, 17, 19 })
                foreach (var prefix in new[] { 0, 1, 127, 128, 300 })
                    yield return Case(1, 1, dim, rows, prefix, span: (rows + prefix) % 2 == 0);
            yield return Case(1, 1, dim, 200, 128, span: dim == 72);
            yield return Case(4, 2, dim, 19, 127, span: dim != 72);
            yield return Case(7, 1, dim, 19, 1, span: false);
        }
        yield return Case(7, 1, 64, 74, 0, span: false);
        yield return Case(7, 1, 64, 19, 0, span: true);
        yield return Case(1, 1, 64, 989, 0, span: false);

        static TestCaseData Case(int group, int kvHeads, int dim, int rows, int prefix, bool span) =>
            new TestCaseData(new AttentionShape(group * kvHeads, kvHeads, dim), Sequence(rows, prefix, span))
                .SetArgDisplayNames($"{kvHeads} x {group} heads of {dim}", $"{rows} rows of {(span ? "a span" : "text")} behind {prefix}");
    }

    /// <summary>Two branches: text and spans of several lengths in one launch.</summary>
    public static Sequence[] Mixed { get; } =
    [
        new(0, 3, KvBase: 0, PrefixLen: 0, 0, -1, null),
        new(3, 10, KvBase: 0, PrefixLen: 3, 0, 0, new Grid(1, 3, 3)),
        new(13, 1, KvBase: 0, PrefixLen: 13, 0, -1, null),
        new(14, 67, KvBase: 20, PrefixLen: 0, 0, -1, null),
        new(81, 26, KvBase: 20, PrefixLen: 67, 0, 0, new Grid(1, 5, 5)),
        new(107, 5, KvBase: 200, PrefixLen: 150, 0, 0, new Grid(1, 2, 2)),
    ];

    /// <summary>One sequence, its keys from row 2 on.</summary>
    public static Sequence[] Sequence(int rows, int prefix, bool span) =>
        [new Sequence(0, rows, KvBase: 2, prefix, prefix, -1, span ? new Grid(1, 1, rows - 1) : null)];
}
