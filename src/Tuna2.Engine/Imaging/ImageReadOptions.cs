namespace Tuna2.Engine.Imaging;

/// <summary>How a picture file is read.</summary>
/// <param name="ApplyOrientation">
/// Whether to turn the picture upright as its EXIF orientation says (JPEG and WebP). Off by default: the official code
/// feeds pictures as they are stored.
/// </param>
public sealed record ImageReadOptions(bool ApplyOrientation = false);
