namespace Tuna2.Engine.Cuda;

/// <summary>Where to look for a library.</summary>
/// <param name="Origin">Why there, for messages.</param>
/// <param name="Path">A folder, or the library itself; null for wherever the system's loader finds it by name.</param>
internal readonly record struct LibraryPlace(string Origin, string? Path)
{
    /// <summary>The place that is left when no folder is known.</summary>
    public static LibraryPlace SystemLoader => new("the system's loader", null);
}
