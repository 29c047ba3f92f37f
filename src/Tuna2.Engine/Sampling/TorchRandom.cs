namespace Tuna2.Engine.Sampling;

/// <summary>
/// torch's CPU random generator: the same seed gives the noise that <c>torch.manual_seed</c> and <c>torch.randn</c> give,
/// so that a seed means the same picture here and in the official code.
/// </summary>
/// <remarks>
/// The draws are those of torch 2.6's scalar CPU code to the last bit, on every machine this runs on. Where torch takes its
/// AVX2 code for fills of 16 values or more, it approximates logarithm and sine differently and the values differ by up to
/// 2e-6, which no picture shows. The state continues from call to call. Not safe for use by several threads at once.
/// </remarks>
public sealed class TorchRandom
{
    /// <summary>Fills of at least this many values are drawn in blocks; shorter ones draw value by value.</summary>
    private const int BlockSize = 16;

    private readonly MersenneTwister _engine;
    private double? _secondNormal;

    /// <summary>A generator in the state that <c>torch.manual_seed(seed)</c> leaves.</summary>
    /// <param name="seed">
    /// Any value; only its low 32 bits count, as in torch: seed and seed + 2^32 draw the same, and -1 draws as 2^32 - 1 does.
    /// Seeds from 2^63 on, which torch also takes, are the negative numbers of the same bits.
    /// </param>
    public TorchRandom(long seed) => _engine = new MersenneTwister(unchecked((uint)seed));

    /// <summary>The next 32 random bits of the engine: what one draw of torch's generator takes.</summary>
    public uint NextUInt32() => _engine.Next();

    /// <summary>
    /// A uniform number in [0, 1) with 53 random bits, as <c>torch.rand(1, dtype=torch.float64)</c> draws it (two engine draws).
    /// </summary>
    public double NextDouble()
    {
        var bits = ((ulong)_engine.Next() << 32) | _engine.Next();
        return (bits & ((1UL << 53) - 1)) * (1.0 / (1UL << 53));
    }

    /// <summary>Standard normal values, as <c>torch.randn</c> of that many float32 elements gives in memory order.</summary>
    /// <remarks>
    /// Two fills of 32 values are one of 64, but that holds for multiples of 16 only: other lengths draw their last 16 values
    /// again, and below 16 values torch uses another method.
    /// </remarks>
    public void FillNormal(Span<float> destination)
    {
        if (destination.Length < BlockSize)
        {
            foreach (ref var value in destination)
                value = (float)NextNormal();
            return;
        }
        FillUniform(destination);
        for (var start = 0; start + BlockSize <= destination.Length; start += BlockSize)
            UniformToNormal(destination.Slice(start, BlockSize));
        if (destination.Length % BlockSize == 0) return;
        var tail = destination[^BlockSize..];
        FillUniform(tail);
        UniformToNormal(tail);
    }

    private void FillUniform(Span<float> destination)
    {
        foreach (ref var value in destination)
            value = (_engine.Next() & 0xffffff) * (1f / (1 << 24));
    }

    /// <summary>Box-Muller on 16 uniform values: 8 radii and 8 angles become 8 cosine and 8 sine values.</summary>
    /// <remarks>The 0 at the end is torch's mean: it makes +0 of the -0 that a radius of 0 gives, once in 2^24 draws.</remarks>
    private static void UniformToNormal(Span<float> block)
    {
        var cosines = block[..8];
        var sines = block[8..];
        for (var i = 0; i < cosines.Length; i++)
        {
            var radius = MathF.Sqrt(-2f * PortableMath.Log(1f - cosines[i])); // [0, 1) becomes (0, 1]: the logarithm is finite
            var (sine, cosine) = PortableMath.SinCos((float)(2.0 * Math.PI * sines[i])); // torch, too, multiplies in double
            cosines[i] = radius * cosine + 0f;
            sines[i] = radius * sine + 0f;
        }
    }

    /// <summary>
    /// Box-Muller in double precision, so that the C library's last bit all but never reaches the float; every second call
    /// returns the sine value kept from the one before.
    /// </summary>
    private double NextNormal()
    {
        if (_secondNormal is { } kept)
        {
            _secondNormal = null;
            return kept;
        }
        var angle = 2.0 * Math.PI * NextDouble();
        var radius = Math.Sqrt(-2.0 * LogOnePlus(-NextDouble()));
        _secondNormal = radius * Math.Sin(angle);
        return radius * Math.Cos(angle);
    }

    /// <summary>ln(1 + x) without the loss near zero, by Kahan's correction of ln for the rounding of 1 + x.</summary>
    private static double LogOnePlus(double x)
    {
        var sum = 1.0 + x;
        return sum == 1.0 ? x : Math.Log(sum) * (x / (sum - 1.0));
    }
}
