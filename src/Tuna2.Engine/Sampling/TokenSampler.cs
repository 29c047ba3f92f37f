namespace Tuna2.Engine.Sampling;

/// <summary>
/// Picks a token from logits: greedy, or temperature, then top-k, then top-p, then a draw (the official mmu_generate's order).
/// Top-k and top-p come to the least logit that is kept: whatever ties with it is kept too. The draw walks what is kept in the
/// order of ids. kernels/sample_token.cu does the same.
/// </summary>
/// <param name="temperature">Divides the logits; 0 is greedy.</param>
/// <param name="topK">Keeps the k largest; 0 keeps all.</param>
/// <param name="topP">Keeps a token while those more likely than it have a probability of at most p; 1 keeps all.</param>
/// <param name="seed">Same seed, same text.</param>
/// <param name="drawn">Draws of the seed that are used already: a conversation's turns go on where the one before ended.</param>
internal sealed class TokenSampler(float temperature, int topK, float topP, long seed, long drawn = 0)
{
    private ulong _drawn = (ulong)drawn;
    private double[] _weights = [];
    private float[] _sorted = [];
    private double[] _mass = [];

    /// <summary>The next token's id.</summary>
    /// <exception cref="ModelException">A logit is NaN or +infinity, or none is above -infinity.</exception>
    public int Pick(ReadOnlySpan<float> logits)
    {
        if (logits.ContainsAny(float.NaN, float.PositiveInfinity) || !logits.ContainsAnyExcept(float.NegativeInfinity))
            throw new ModelException("the model's logits are not finite: are its weights damaged?");
        var best = ArgMax(logits);
        if (temperature == 0)
            return best;

        // Taking the largest away first keeps the smallest temperatures from overflowing.
        if (_weights.Length != logits.Length)
            (_weights, _sorted, _mass) = (new double[logits.Length], new float[logits.Length], new double[logits.Length]);
        var weights = _weights;
        for (var i = 0; i < logits.Length; i++)
            weights[i] = Math.Exp(((double)logits[i] - logits[best]) / temperature);
        var least = float.NegativeInfinity;
        if (topK > 0 && topK < logits.Length)
            least = LeastOfTopK(logits);
        if (topP < 1)
            least = LeastOfTopP(logits, least);

        double kept = 0;
        for (var i = 0; i < logits.Length; i++)
            if (logits[i] >= least)
                kept += weights[i];
        var draw = Philox.Uniform((ulong)seed, _drawn++) * kept;
        var last = best;
        for (var i = 0; i < logits.Length; i++)
        {
            if (logits[i] < least || weights[i] == 0)
                continue;
            draw -= weights[i];
            if (draw < 0)
                return i;
            last = i;
        }
        return last;
    }

    /// <summary>The first of the largest.</summary>
    private static int ArgMax(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best])
                best = i;
        return best;
    }

    private float LeastOfTopK(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_sorted);
        Array.Sort(_sorted);
        return _sorted[^topK];
    }

    private float LeastOfTopP(ReadOnlySpan<float> logits, float least)
    {
        var (sorted, mass) = (_sorted, _mass);
        logits.CopyTo(sorted);
        _weights.CopyTo(mass, 0);
        Array.Sort(sorted, mass);
        double total = 0;
        for (var i = sorted.Length - 1; i >= 0 && sorted[i] >= least; i--)
            total += mass[i];

        double passed = 0;
        for (var i = sorted.Length - 1; i >= 0 && sorted[i] >= least; i--)
        {
            passed += mass[i];
            if (passed > topP * total)
                return sorted[i];
        }
        return least;
    }
}
