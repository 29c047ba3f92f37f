namespace Tuna2.Engine;

/// <summary>How far writing a model has come.</summary>
/// <param name="Bytes">Bytes of weights written.</param>
/// <param name="TotalBytes">Bytes of weights in all.</param>
public readonly record struct WriteProgress(long Bytes, long TotalBytes);
