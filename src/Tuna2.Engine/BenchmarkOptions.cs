namespace Tuna2.Engine;

/// <summary>What <see cref="ModelBenchmark"/> runs.</summary>
public sealed record BenchmarkOptions
{
    /// <summary>Columns of the picture; null for the model's default.</summary>
    public int? Width { get; init; }

    /// <summary>Rows of the picture; null for the model's default.</summary>
    public int? Height { get; init; }

    /// <summary>Tokens of each branch's prompt, and of the question: 1 to 4096.</summary>
    public int PromptTokens { get; init; } = 64;

    /// <summary>Denoising steps of a round, 1 to 1000.</summary>
    public int Steps { get; init; } = 4;

    /// <summary>Tokens answered in a round, 1 to 4096.</summary>
    public int Tokens { get; init; } = 16;

    /// <summary>Whole pictures that are made, with the model's own number of steps and settings: 0 to 1000.</summary>
    public int Pictures { get; init; } = 1;

    /// <summary>Steps and pictures are timed one at a time and in batches of 2, 4, 8 up to so many: 1 to 64. A batch's picture is its part of the time.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Rounds that are timed, after one that is not: 1 to 1000.</summary>
    public int Rounds { get; init; } = 5;
}
