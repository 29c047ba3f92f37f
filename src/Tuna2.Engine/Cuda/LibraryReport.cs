namespace Tuna2.Engine.Cuda;

/// <summary>What came of looking for a library.</summary>
/// <param name="Search">Where it was looked for, and which file was taken.</param>
/// <param name="Version">Its version; null when it is not usable.</param>
/// <param name="Problem">Why it cannot be used, in one line; null when it can.</param>
public sealed record LibraryReport(LibrarySearch Search, Version? Version, string? Problem)
{
    /// <summary>Whether it is there and works.</summary>
    public bool IsUsable => Problem is null;
}
