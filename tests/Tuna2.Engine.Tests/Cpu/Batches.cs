using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>Batches for ops under test.</summary>
internal static class Batches
{
    /// <summary>AdaLN rows in the tables <see cref="Mixed"/> refers to.</summary>
    public const int ModRows = 3;

    /// <summary>Rows in up to four sequences: modulated by row 2, text, modulated by row 0, text.</summary>
    public static Batch Mixed(int rows)
    {
        var sequences = new List<Sequence>();
        int[] mods = [2, -1, 0, -1];
        for (int i = 0, begin = 0; i < mods.Length && begin < rows; i++)
        {
            var length = i == mods.Length - 1 ? rows - begin : Math.Min(rows - begin, Math.Max(1, rows / 4));
            sequences.Add(new Sequence(begin, length, 0, 0, 0, mods[i], null));
            begin += length;
        }
        return new Batch { Sequences = sequences };
    }
}
