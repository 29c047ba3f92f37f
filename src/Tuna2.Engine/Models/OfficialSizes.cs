using System.Globalization;

namespace Tuna2.Engine.Models;

/// <summary>
/// The sizes the official models were trained on: five shapes in two classes of about 512 x 512 and 1024 x 1024 pixels
/// (MODEL.md section 1). Any multiple of 16 computes; these look right.
/// </summary>
public static class OfficialSizes
{
    /// <summary>The shapes' names, width to height, as the sizes of a class are ordered. They are rounded: 4:3 is 9:7.</summary>
    public static IReadOnlyList<string> Shapes { get; } = ["1:1", "4:3", "3:4", "16:9", "9:16"];

    /// <summary>The classes' names: the side of their square.</summary>
    public static IReadOnlyList<int> Classes { get; } = [512, 1024];

    /// <summary>All sizes, class by class.</summary>
    public static IReadOnlyList<PictureSize> All { get; } =
    [
        new(512, 512), new(576, 448), new(448, 576), new(672, 384), new(384, 672),
        new(1024, 1024), new(1152, 896), new(896, 1152), new(1344, 768), new(768, 1344),
    ];

    /// <summary>The sizes of a class, 512 or 1024.</summary>
    /// <exception cref="RequestException">There is no such class.</exception>
    public static IReadOnlyList<PictureSize> OfClass(int sizeClass) => sizeClass switch
    {
        512 => [.. All.Take(Shapes.Count)],
        1024 => [.. All.Skip(Shapes.Count)],
        _ => throw new RequestException($"the size class must be 512 or 1024, not {sizeClass}"),
    };

    /// <summary>The class of the size a model makes by default; null where that is none of these: a model trained on others.</summary>
    public static int? ClassOf(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var size = DefaultOf(config);
        return All.Contains(size) ? Classes.First(c => OfClass(c).Contains(size)) : null;
    }

    /// <summary>
    /// The size nearest a shape: of the class, or of the model's own; for a model trained on other sizes the multiple of its
    /// token's side nearest the shape, with about as many pixels as its default.
    /// </summary>
    /// <param name="config">The model.</param>
    /// <param name="aspect">Width over height, finite and above 0.</param>
    /// <param name="sizeClass">512 or 1024; null for the model's own.</param>
    /// <exception cref="RequestException">There is no such class.</exception>
    public static PictureSize Nearest(ModelConfig config, double aspect, int? sizeClass = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        if ((sizeClass ?? ClassOf(config)) is { } official)
            return OfClass(official).MinBy(size => Math.Abs(Math.Log(size.Aspect / aspect)));
        var pixels = (double)config.Defaults.Width * config.Defaults.Height;
        return new(Side(Math.Sqrt(pixels * aspect)), Side(Math.Sqrt(pixels / aspect)));

        int Side(double side) => (int)Math.Clamp(Math.Round(side / config.TokenPixels), 1, ImageRequest.MaxSide / config.TokenPixels) * config.TokenPixels;
    }

    /// <summary>The size of a shape by its name.</summary>
    /// <param name="config">The model.</param>
    /// <param name="shape">One of <see cref="Shapes"/>.</param>
    /// <param name="sizeClass">512 or 1024; null for the model's own.</param>
    /// <exception cref="RequestException">There is no such shape or class.</exception>
    public static PictureSize OfShape(ModelConfig config, string shape, int? sizeClass = null)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (!Shapes.Contains(shape))
            throw new RequestException($"the shape {shape} is not one of {string.Join(", ", Shapes)}");
        var sides = shape.Split(':').Select(side => double.Parse(side, CultureInfo.InvariantCulture)).ToArray();
        return Nearest(config, sides[0] / sides[1], sizeClass);
    }

    /// <summary>What to say of a size the model was not trained on; null where it was, or nobody knows.</summary>
    public static string? Warning(ModelConfig config, int width, int height)
    {
        var size = new PictureSize(width, height);
        if (ClassOf(config) is null || All.Contains(size))
            return null;
        var near = All.MinBy(other => Math.Abs(Math.Log(other.Aspect / size.Aspect)) + Math.Abs(Math.Log((double)other.Width * other.Height / ((double)width * height))));
        return $"{size} is none of the sizes the model was trained on ({string.Join(", ", All)}); the nearest is {near}";
    }

    private static PictureSize DefaultOf(ModelConfig config) => new(config.Defaults.Width, config.Defaults.Height);
}
