namespace Tuna2.Engine.Sampling;

/// <summary>
/// Picks a token from logits: greedy, or temperature, then top-k, then top-p, then a draw (the official mmu_generate's order).
/// </summary>
/// <param name="temperature">Divides the logits; 0 is greedy.</param>
/// <param name="topK">Keeps the k largest, ties included; 0 keeps all.</param>
/// <param name="topP">Keeps the fewest most likely tokens whose probability reaches p; 1 keeps all.</param>
/// <param name="seed">Same seed, same text.</param>
internal sealed class TokenSampler(float temperature, int topK, float topP, long seed)
{
    private ulong _drawn;

    /// <summary>The next token's id. Changes <paramref name="logits"/>.</summary>
    public int Pick(Span<float> logits)
    {
        if (logits.ContainsAny(float.NaN, float.PositiveInfinity))
            throw new ModelException("the model's logits are not finite: are its weights damaged?");
        if (temperature == 0)
            return ArgMax(logits);

        // From the largest down, so that a tiny temperature makes the others unlikely instead of everything infinite.
        var largest = logits[ArgMax(logits)];
        for (var i = 0; i < logits.Length; i++)
            logits[i] = (logits[i] - largest) / temperature;
        if (topK > 0 && topK < logits.Length)
            KeepTop(logits);

        var order = new int[logits.Length];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        var keys = new float[logits.Length];
        for (var i = 0; i < keys.Length; i++)
            keys[i] = -logits[i];
        Array.Sort(keys, order);

        double total = 0;
        foreach (var logit in logits)
            total += Math.Exp(logit);
        // A token stays when what is more likely than it does not reach p yet: the first always stays.
        double kept = 0;
        var count = 0;
        while (count < order.Length && (count == 0 || kept <= topP * total) && !float.IsNegativeInfinity(logits[order[count]]))
            kept += Math.Exp(logits[order[count++]]);

        var draw = Philox.Uniform((ulong)seed, _drawn++) * kept;
        for (var i = 0; i < count; i++)
        {
            draw -= Math.Exp(logits[order[i]]);
            if (draw < 0)
                return order[i];
        }
        return order[count - 1];
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

    private void KeepTop(Span<float> logits)
    {
        var sorted = logits.ToArray();
        Array.Sort(sorted);
        var smallest = sorted[^topK];
        for (var i = 0; i < logits.Length; i++)
            if (logits[i] < smallest)
                logits[i] = float.NegativeInfinity;
    }
}
