namespace Tuna2.Engine;

/// <summary>How far loading has come.</summary>
/// <param name="Bytes">Bytes of weights read.</param>
/// <param name="TotalBytes">Bytes of weights in all.</param>
public readonly record struct LoadProgress(long Bytes, long TotalBytes);
