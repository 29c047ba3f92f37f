using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>What is to be denoised, and how.</summary>
/// <param name="Branches">The conditional prompt and, when guidance needs it, the unconditional one.</param>
/// <param name="Height">Rows of the picture in pixels.</param>
/// <param name="Width">Columns of the picture in pixels.</param>
/// <param name="Steps">Solver steps.</param>
/// <param name="Sampler">The solver.</param>
/// <param name="Guidance">Classifier-free guidance.</param>
/// <param name="EveryBranch">Runs all branches at every evaluation, needed or not: parity compares them all.</param>
internal sealed record DenoisePlan(
    IReadOnlyList<PromptLayout> Branches, int Height, int Width, int Steps, SamplerKind Sampler, Guidance Guidance, bool EveryBranch = false);
