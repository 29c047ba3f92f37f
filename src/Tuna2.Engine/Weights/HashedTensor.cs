using System.Text;

namespace Tuna2.Engine.Weights;

/// <summary>
/// A tensor of weights nobody trained, whose every element is an integer hash of the tensor's official name and the element's index:
/// a device makes it by itself, and any other program can make the same (bench/peers/weights_hash.py is the definition). Scales of norms
/// are near 1, biases small, all else uniform with a standard deviation of one over the root of its fan-in.
/// </summary>
/// <param name="Id">FNV-1a of the name in UTF-8.</param>
/// <param name="Base">What the elements are about.</param>
/// <param name="Scale">How far they are from it at most.</param>
/// <param name="Channels">Of a convolution that is kept as rows of (taps, channels), its channels.</param>
/// <param name="Taps">And its taps; 1 where elements are kept in their official order.</param>
public readonly record struct HashedTensor(uint Id, float Base, float Scale, int Channels = 1, int Taps = 1)
{
    /// <summary>The tensor of a name and an official shape.</summary>
    public static HashedTensor Of(string name, IReadOnlyList<long> shape)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        var id = 0x811C9DC5u;
        foreach (var letter in Encoding.UTF8.GetBytes(name))
            id = (id ^ letter) * 0x01000193u;
        if (name.EndsWith("norm.weight", StringComparison.Ordinal) || name.EndsWith("norm_final.weight", StringComparison.Ordinal) || name.EndsWith(".gamma", StringComparison.Ordinal)
            || shape.Count == 1 && name.EndsWith(".weight", StringComparison.Ordinal))
            return new(id, 1, 0.0625f);
        return name.EndsWith(".bias", StringComparison.Ordinal) || name == "mask_token"
            ? new(id, 0, 0.0625f)
            : new(id, 0, (float)Math.Sqrt(3.0 / shape.Skip(1).Aggregate(1L, (product, size) => product * size)));
    }

    /// <summary>An element: a bfloat16 number.</summary>
    /// <param name="index">Row by row over the shape it is kept in.</param>
    public float this[long index]
    {
        get
        {
            if (Taps > 1)
            {
                var inRow = index % ((long)Channels * Taps);
                index += inRow % Channels * Taps + inRow / Channels - inRow;
            }
            var x = (uint)index * 0x9E3779B1u + Id * 0x85EBCA77u;
            x ^= x >> 16;
            x *= 0x7FEB352Du;
            x ^= x >> 15;
            x *= 0x846CA68Bu;
            x ^= x >> 16;
            var bits = BitConverter.SingleToUInt32Bits(Base + Scale * (((int)(x >> 8) - (1 << 23)) * (1f / (1 << 23))));
            return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
    }
}
