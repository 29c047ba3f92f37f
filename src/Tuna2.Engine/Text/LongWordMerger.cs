using System.Text;

namespace Tuna2.Engine.Text;

/// <summary>
/// Merges a word as byte-level BPE does: over and over the best pair, the leftmost where several are as good. For words so long
/// that Microsoft.ML.Tokenizers, which takes the symbols that were merged away out of its list one by one, needs seconds; here
/// the time is n log n. The ids are the same.
/// </summary>
sealed class LongWordMerger
{
    /// <summary>Words of more UTF-16 units than this come here. Real ones are far shorter.</summary>
    public const int MinLength = 256;

    readonly int[] _byteIds = new int[256];
    readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];

    public LongWordMerger(TokenizerFile file)
    {
        for (var value = 0; value < 256; value++)
            _byteIds[value] = file.Vocabulary[ByteAlphabet.Letter((byte)value).ToString()];
        foreach (var (rank, merge) in file.Merges.Index())
        {
            var space = merge.IndexOf(' ', StringComparison.Ordinal);
            var (left, right) = (merge[..space], merge[(space + 1)..]);
            _merges[(file.Vocabulary[left], file.Vocabulary[right])] = (rank, file.Vocabulary[left + right]);
        }
    }

    /// <summary>Appends the ids of a word.</summary>
    public void Merge(ReadOnlySpan<char> word, List<int> ids)
    {
        // Symbols stay where their first byte is; links run past those that were merged away, whose id is -1.
        var bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        var symbols = new int[bytes.Length];
        var previous = new int[bytes.Length];
        var next = new int[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            (symbols[i], previous[i], next[i]) = (_byteIds[bytes[i]], i - 1, i + 1);

        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>(bytes.Length);
        for (var i = 0; i + 1 < bytes.Length; i++)
            Offer(i);
        while (queue.TryDequeue(out var pair, out _))
        {
            var right = next[pair.At];
            // A pair offered earlier may be gone: either side merged with something else since.
            if (symbols[pair.At] != pair.Left || right == bytes.Length || symbols[right] != pair.Right)
                continue;
            symbols[pair.At] = _merges[(pair.Left, pair.Right)].Id;
            symbols[right] = -1;
            next[pair.At] = next[right];
            if (next[right] < bytes.Length)
            {
                previous[next[right]] = pair.At;
                Offer(pair.At);
            }
            if (previous[pair.At] >= 0)
                Offer(previous[pair.At]);
        }
        foreach (var symbol in symbols)
            if (symbol >= 0)
                ids.Add(symbol);

        void Offer(int at)
        {
            var pair = (symbols[at], symbols[next[at]]);
            if (_merges.TryGetValue(pair, out var merge))
                queue.Enqueue((at, pair.Item1, pair.Item2), (merge.Rank, at));
        }
    }
}
