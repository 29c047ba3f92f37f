using System.Buffers;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Picks a token from logits: greedy, or temperature, then top-k, then top-p, then a draw (the official mmu_generate's order).
/// Top-k and top-p come to the least logit that is kept: whatever ties with it is kept too. The draw walks what is kept in the
/// order of ids. kernels/sample_token.cu does the same.
/// </summary>
/// <param name="choice">How tokens are picked.</param>
internal sealed class TokenSampler(TokenChoice choice)
{
    private ulong _drawn = (ulong)choice.Drawn;

    /// <summary>What is said of logits no token can be taken from.</summary>
    public static ModelException NotFinite() => new("the model's logits are not finite: are its weights damaged?");

    /// <summary>The next token's id.</summary>
    /// <exception cref="ModelException">A logit is NaN or +infinity, or none is above -infinity.</exception>
    public int Pick(ReadOnlySpan<float> logits)
    {
        if (logits.ContainsAny(float.NaN, float.PositiveInfinity) || !logits.ContainsAnyExcept(float.NegativeInfinity))
            throw NotFinite();
        var best = ArgMax(logits);
        if (choice.Temperature == 0)
            return best;
        var weights = ArrayPool<double>.Shared.Rent(logits.Length);
        var sorted = ArrayPool<float>.Shared.Rent(logits.Length);
        try
        {
            return Draw(logits, best, weights.AsSpan(0, logits.Length), sorted.AsSpan(0, logits.Length));
        }
        finally
        {
            ArrayPool<double>.Shared.Return(weights);
            ArrayPool<float>.Shared.Return(sorted);
        }
    }

    private int Draw(ReadOnlySpan<float> logits, int best, Span<double> weights, Span<float> sorted)
    {
        // Taking the largest away first keeps the smallest temperatures from overflowing.
        for (var i = 0; i < logits.Length; i++)
            weights[i] = Math.Exp(((double)logits[i] - logits[best]) / choice.Temperature);
        var least = float.NegativeInfinity;
        if (choice.TopK > 0 && choice.TopK < logits.Length)
        {
            logits.CopyTo(sorted);
            sorted.Sort();
            least = sorted[^choice.TopK];
        }
        if (choice.TopP < 1)
            least = LeastOfTopP(logits, weights, sorted, least);

        double kept = 0;
        for (var i = 0; i < logits.Length; i++)
            if (logits[i] >= least)
                kept += weights[i];
        var draw = Philox.Uniform((ulong)choice.Seed, _drawn++) * kept;
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

    private float LeastOfTopP(ReadOnlySpan<float> logits, ReadOnlySpan<double> weights, Span<float> sorted, float least)
    {
        var rented = ArrayPool<double>.Shared.Rent(logits.Length);
        var mass = rented.AsSpan(0, logits.Length);
        logits.CopyTo(sorted);
        weights.CopyTo(mass);
        sorted.Sort(mass);
        try
        {
            return LeastOf(sorted, mass, least);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(rented);
        }
    }

    /// <summary>The least that is kept of logits in ascending order.</summary>
    private float LeastOf(ReadOnlySpan<float> sorted, ReadOnlySpan<double> mass, float least)
    {
        double total = 0;
        for (var i = sorted.Length - 1; i >= 0 && sorted[i] >= least; i--)
            total += mass[i];

        double passed = 0;
        for (var i = sorted.Length - 1; i >= 0 && sorted[i] >= least; i--)
        {
            passed += mass[i];
            if (passed > choice.TopP * total)
                return sorted[i];
        }
        return least;
    }
}
