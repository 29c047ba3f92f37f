namespace Tuna2.Engine.Cpu;

/// <summary>Splits row-wise work over the threads when there is enough of it to be worth waking them.</summary>
internal static class CpuRows
{
    private const long ElementsPerItem = 16384;

    /// <summary>Calls <paramref name="body"/> with row ranges that cover [0, rows).</summary>
    public static void For(in CpuContext context, int rows, int width, Action<int, int> body)
    {
        var perItem = (int)Math.Clamp(ElementsPerItem / Math.Max(width, 1), 1, Math.Max(rows, 1));
        var items = (rows + perItem - 1) / perItem;
        context.Threads.For(items, item => body(item * perItem, Math.Min(rows, (item + 1) * perItem)));
    }
}
