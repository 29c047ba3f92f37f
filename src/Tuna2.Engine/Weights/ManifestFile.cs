namespace Tuna2.Engine.Weights;

/// <summary>A file of a checkpoint as the manifest knows it.</summary>
/// <param name="Name">The file name in the model directory.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal digits.</param>
public sealed record ManifestFile(string Name, long Bytes, string Sha256);
