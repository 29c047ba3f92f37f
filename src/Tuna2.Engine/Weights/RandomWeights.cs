using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Tuna2.Engine.Weights;

/// <summary>
/// Numbers for weights nobody trained, as bfloat16: uniform with a standard deviation of 0.02, as transformers are initialised,
/// so that activations stay of the order of one through any number of layers. Element i of a tensor depends on the seed, the
/// tensor's name and i alone: whatever machine, thread or order makes it, it is the same.
/// </summary>
internal static class RandomWeights
{
    private const float Deviation = 0.02f;

    /// <summary>1 as bfloat16.</summary>
    private const ushort One = 0x3F80;

    /// <summary>Elements that come from one 64-bit word.</summary>
    public const int PerWord = 4;

    /// <summary>Every 16-bit word as a number between -sqrt(3) and sqrt(3) deviations, in steps of equal probability.</summary>
    private static readonly ushort[] _values = Values();

    /// <summary>Fills <paramref name="elements"/> with those of a tensor from <paramref name="first"/> on, a multiple of <see cref="PerWord"/>.</summary>
    /// <param name="key">The tensor's, of <see cref="Key"/>.</param>
    /// <param name="first">The index of the first element.</param>
    /// <param name="elements">Where they go.</param>
    public static void Fill(ulong key, long first, Span<ushort> elements)
    {
        var values = _values;
        var word = (ulong)(first / PerWord);
        var i = 0;
        for (; i <= elements.Length - PerWord; i += PerWord)
        {
            var bits = Word(key, word++);
            elements[i] = values[(ushort)bits];
            elements[i + 1] = values[(ushort)(bits >> 16)];
            elements[i + 2] = values[(ushort)(bits >> 32)];
            elements[i + 3] = values[(ushort)(bits >> 48)];
        }
        if (i == elements.Length)
            return;
        for (var bits = Word(key, word); i < elements.Length; i++, bits >>= 16)
            elements[i] = values[(ushort)bits];
    }

    /// <summary>Fills with what the scale of a norm is before training.</summary>
    public static void FillNorm(Span<ushort> elements) => elements.Fill(One);

    /// <summary>Whether a tensor is the scale of a norm: the only weights of one dimension, and the VAE's gammas.</summary>
    public static bool IsNorm(ExpectedTensor tensor) =>
        tensor.Name.EndsWith(".gamma", StringComparison.Ordinal) || tensor.Shape.Count == 1 && tensor.Name.EndsWith(".weight", StringComparison.Ordinal);

    /// <summary>The key of a tensor under a seed.</summary>
    public static ulong Key(long seed, string tensor)
    {
        var name = Encoding.UTF8.GetBytes(tensor);
        Span<byte> text = new byte[sizeof(long) + name.Length];
        BinaryPrimitives.WriteInt64LittleEndian(text, seed);
        name.CopyTo(text[sizeof(long)..]);
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(text));
    }

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014) at a place in its sequence: as fast as a disk, and good enough where nobody draws samples from it.</summary>
    private static ulong Word(ulong key, ulong index)
    {
        var z = key + (index + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private static ushort[] Values()
    {
        // 2i + 1 - 2^16 is exact; one multiplication and one rounding give the same bits everywhere.
        const float Step = Deviation * 1.7320508f / (1 << 16);
        var floats = new float[1 << 16];
        for (var i = 0; i < floats.Length; i++)
            floats[i] = (2 * i + 1 - (1 << 16)) * Step;
        var values = new ushort[floats.Length];
        FloatConversion.RoundToBF16(floats, values);
        return values;
    }
}
