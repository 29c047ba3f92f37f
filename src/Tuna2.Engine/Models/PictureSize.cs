using System.Globalization;

namespace Tuna2.Engine.Models;

/// <summary>The size of a picture in pixels.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public readonly record struct PictureSize(int Width, int Height)
{
    /// <summary>Width over height.</summary>
    public double Aspect => (double)Width / Height;

    /// <summary>Width, "x", height: 576x448.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Width}x{Height}");
}
