namespace Tuna2.Engine.Imaging;

/// <summary>A folder whose pictures are the frames of a clip. Other files in it, and hidden ones, are passed over.</summary>
internal static class FrameFolder
{
    private static readonly string[] s_endings = [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"];

    public static VideoClip Read(string folder, VideoReadOptions options, CancellationToken cancellation)
    {
        var files = Pictures(folder);
        if (files.Count == 0)
            throw new ImageException($"{folder}: no pictures in this folder");
        var frames = new FrameCollector(folder, options, files.Count);
        for (var i = 0; i < files.Count && !frames.IsFull; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            frames.Offer(1, () => RgbImage.Load(files[i]), files[i]);
        }
        return frames.Finish(options.FolderFramesPerSecond);
    }

    private static List<string> Pictures(string folder)
    {
        try
        {
            return
            [
                .. Directory.EnumerateFiles(folder)
                    .Where(file => Path.GetFileName(file) is var name && name[0] != '.' && s_endings.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase))
                    .Order(Comparer<string>.Create((a, b) => CompareNatural(Path.GetFileName(a), Path.GetFileName(b)))),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"{folder}: cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }

    /// <summary>Names as people sort them: runs of digits by their number, so that 2 comes before 10; letters without their case first.</summary>
    internal static int CompareNatural(string a, string b)
    {
        int i = 0, j = 0;
        while (i < a.Length && j < b.Length)
        {
            int order;
            if (char.IsAsciiDigit(a[i]) && char.IsAsciiDigit(b[j]))
            {
                var left = Digits(a, ref i);
                var right = Digits(b, ref j);
                order = left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
            }
            else
            {
                order = char.ToUpperInvariant(a[i++]).CompareTo(char.ToUpperInvariant(b[j++]));
            }
            if (order != 0)
                return order;
        }
        var rest = (a.Length - i).CompareTo(b.Length - j);
        return rest != 0 ? rest : string.CompareOrdinal(a, b);
    }

    /// <summary>The digits from a position on without leading zeros, and the position behind them.</summary>
    private static ReadOnlySpan<char> Digits(string name, ref int at)
    {
        var start = at;
        while (at < name.Length && char.IsAsciiDigit(name[at]))
            at++;
        return name.AsSpan(start, at - start).TrimStart('0');
    }
}
