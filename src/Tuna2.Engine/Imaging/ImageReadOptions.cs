namespace Tuna2.Engine.Imaging;

/// <summary>How a picture file is read. The defaults are what its owner sees; <see cref="AsStored"/> is what the official code sees.</summary>
public sealed record ImageReadOptions
{
    /// <summary>Whether to turn the picture upright as its EXIF orientation says (JPEG, PNG, WebP).</summary>
    public bool ApplyOrientation { get; init; } = true;

    /// <summary>Whether transparent pixels show white behind them; if not, the colour bytes under them are taken as they are.</summary>
    public bool OverWhite { get; init; } = true;

    /// <summary>As PIL's <c>convert("RGB")</c> reads it, the official way: no orientation, alpha dropped.</summary>
    public static ImageReadOptions AsStored { get; } = new() { ApplyOrientation = false, OverWhite = false };
}
