namespace Tuna2.Engine.Graph;

/// <summary>
/// A run of rows that belong together: a piece of text, or one picture's span (its time token and its patches). A prompt is
/// one or more sequences over the same keys; classifier-free guidance adds those of the second branch. The attention mask of
/// MODEL.md section 3 is this table: a causal sequence's query sees the keys up to itself, a span's query sees the keys up to
/// the span's end.
/// </summary>
/// <param name="QBegin">Its first row among the batch's rows.</param>
/// <param name="QLen">How many rows.</param>
/// <param name="KvBase">Where its branch's keys begin in the K/V caches.</param>
/// <param name="PrefixLen">How many keys of the branch stand before its first row's key.</param>
/// <param name="PosBase">Position of its first row, for rotary embeddings of plain positions.</param>
/// <param name="ModRow">Its row of the AdaLN tables; -1 for text, which is not modulated.</param>
/// <param name="Span">The patches' grid when it is a picture's span (row 0 is the time token), null for text.</param>
public readonly record struct Sequence(int QBegin, int QLen, int KvBase, int PrefixLen, int PosBase, int ModRow, Grid? Span)
{
    /// <summary>How many keys, from <see cref="KvBase"/>, its row <paramref name="row"/> (0-based) sees.</summary>
    public int KvEnd(int row) => Span is null ? PrefixLen + row + 1 : PrefixLen + QLen;

    /// <summary>How many keys its last row sees: all it ever reads.</summary>
    public int KvLen => PrefixLen + QLen;

    /// <summary>
    /// Picture <paramref name="index"/> among pictures that attend to themselves alone, as the vision encoder sees them: every
    /// patch sees every patch, there is no time token and no prefix.
    /// </summary>
    public static Sequence Picture(int index, Grid grid) => new(index * grid.Count, grid.Count, index * grid.Count, 0, 0, -1, grid);
}
