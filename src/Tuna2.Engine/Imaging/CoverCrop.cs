namespace Tuna2.Engine.Imaging;

/// <summary>
/// How a picture of any shape becomes the model's input: scaled by the smaller factor that covers the target (bicubic), the
/// excess cut off equally on both sides. Byte for byte what the official preprocessing gives.
/// </summary>
public static class CoverCrop
{
    /// <summary>The picture scaled to cover <paramref name="width"/> x <paramref name="height"/> and cropped to it.</summary>
    /// <returns>The picture itself when it has that size already.</returns>
    /// <exception cref="ImageException">The size is out of <see cref="RgbImage"/>'s range.</exception>
    public static RgbImage Apply(RgbImage image, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        var scale = Math.Max((double)width / image.Width, (double)height / image.Height);
        var scaledWidth = ScaledSide(image.Width, scale);
        var scaledHeight = ScaledSide(image.Height, scale);
        var left = (scaledWidth - width) / 2;
        var top = (scaledHeight - height) / 2;
        return BicubicResizer.ResizeWindow(image, scaledWidth, scaledHeight, left, top, width, height);
    }

    /// <summary>Python's <c>round</c>: halves go to the even neighbour.</summary>
    private static int ScaledSide(int side, double scale) => (int)Math.Round(side * scale, MidpointRounding.ToEven);
}
