namespace Tuna2.Engine.Cuda;

/// <summary>A place where a library was looked for, and what was there.</summary>
/// <param name="Origin">Why it was looked for there: "CUDA_PATH", "beside the program".</param>
/// <param name="Path">The file that was found, else the folder that was searched; null where nothing names one.</param>
/// <param name="Found">Whether the library was there.</param>
/// <param name="Problem">Why it was not taken; null for the one that was.</param>
public sealed record LibraryCandidate(string Origin, string? Path, bool Found, string? Problem)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Origin}{(Path is null || Path == Origin ? "" : $" ({Path})")}: {Problem ?? "loaded"}";
}
