namespace Tuna2.Engine.Parity;

/// <summary>How a case or a check ended.</summary>
public enum ParityStatus
{
    /// <summary>Within its limit.</summary>
    Passed,

    /// <summary>Over its limit.</summary>
    Failed,

    /// <summary>This version has no way to run it.</summary>
    NotRun,
}

/// <summary>One comparison.</summary>
/// <param name="Name">The tensor or property compared.</param>
/// <param name="Path">"full" (every token every time), "prefix" (the fast path), "prefix/full" (one against the other), or empty.</param>
/// <param name="MaxError">Largest absolute difference, or the number of differing items; null where it has no meaning.</param>
/// <param name="RelativeError">Frobenius error relative to the reference; null where it has no meaning.</param>
/// <param name="Limit">What is allowed.</param>
/// <param name="Passed">Whether it is within the limit.</param>
/// <param name="Note">What there is to say besides.</param>
public sealed record ParityCheck(string Name, string Path, double? MaxError, double? RelativeError, string Limit, bool Passed, string? Note = null);

/// <summary>A case of a parity directory.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Task">What it exercises.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Reason">Why it failed without checks, or was not run.</param>
/// <param name="Checks">What was compared.</param>
/// <param name="NotCompared">Tensors of the case that nothing was compared with.</param>
public sealed record ParityCase(
    string Name, string Task, ParityStatus Status, string? Reason, IReadOnlyList<ParityCheck> Checks, IReadOnlyList<string> NotCompared);

/// <summary>What a parity directory's run found.</summary>
/// <param name="Directory">The directory.</param>
/// <param name="Kind">Its kind: model, tokenizer, torch_rng, preprocess.</param>
/// <param name="Device">What computed.</param>
/// <param name="Cases">Its cases, in order.</param>
public sealed record ParityReport(string Directory, string Kind, string Device, IReadOnlyList<ParityCase> Cases)
{
    /// <summary>Cases that are within their limits.</summary>
    public int Passed => Cases.Count(c => c.Status == ParityStatus.Passed);

    /// <summary>Cases that are not.</summary>
    public int Failed => Cases.Count(c => c.Status == ParityStatus.Failed);

    /// <summary>Cases this version cannot run.</summary>
    public int NotRun => Cases.Count(c => c.Status == ParityStatus.NotRun);
}
