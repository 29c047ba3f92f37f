using System.Globalization;
using System.Numerics;

namespace Tuna2.Engine;

/// <summary>What <see cref="GrowthBenchmark"/> runs.</summary>
public sealed record GrowthOptions
{
    /// <summary>Sizes of an axis, each twice the one before.</summary>
    internal const int Sizes = 5;

    /// <summary>The least of <see cref="MaxPrefix"/>, and what part of it the other axes have.</summary>
    internal const int LeastPrefix = 64;

    private const int LeastTokens = 1 << (Sizes - 1), MostTokens = 16384, MostPrefix = 16384, MostCount = 1000;

    /// <summary>Tokens of the largest picture, a power of two from 16 to 16384: sizes are its sixteenth, eighth, fourth, half and it. The other axes have its fourth.</summary>
    public int MaxTokens { get; init; } = 4096;

    /// <summary>Tokens of the longest prompt, 64 to 16384: prompts are of none, an eighth, a fourth, half and it. The other axes have its sixty-fourth.</summary>
    public int MaxPrefix { get; init; } = 4096;

    /// <summary>Pictures that are stepped together at most, 1 to 64: one, two, four and so on up to the last power of two in it.</summary>
    public int MaxBatch { get; init; } = 16;

    /// <summary>Denoising steps of a round, 1 to 1000.</summary>
    public int Steps { get; init; } = 4;

    /// <summary>Rounds that are timed, after one that is not: 1 to 1000.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>These, if all are within range.</summary>
    /// <exception cref="RequestException">One is not; the message names it.</exception>
    public GrowthOptions Validated()
    {
        Within("the largest picture's tokens", MaxTokens, LeastTokens, MostTokens);
        if (!BitOperations.IsPow2(MaxTokens))
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"the largest picture's tokens must be a power of two, not {MaxTokens}"));
        Within("the longest prompt's tokens", MaxPrefix, LeastPrefix, MostPrefix);
        Within("pictures stepped together", MaxBatch, 1, Models.ImageRequest.MaxBatch);
        Within("steps", Steps, 1, MostCount);
        Within("rounds", Rounds, 1, MostCount);
        return this;

        static void Within(string what, int value, int least, int most)
        {
            if (value < least || value > most)
                throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"{what} must be {least} to {most}, not {value}"));
        }
    }
}
