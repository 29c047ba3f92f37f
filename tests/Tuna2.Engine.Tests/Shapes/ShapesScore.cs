namespace Tuna2.Engine.Tests.Shapes;

/// <summary>What became of one shape.</summary>
/// <param name="Color">The palette colour found where the shape should be.</param>
/// <param name="ColorRight">Whether that is the one asked for.</param>
/// <param name="Overlap">How well the outline fits, 0 to 1: what looks like the shape against what it should cover
/// (intersection over union).</param>
/// <param name="Form">The form that fits best there, or "" where nothing stands out from the background.</param>
/// <param name="FormRight">Whether that is the one asked for.</param>
sealed record ShapeScore(string Color, bool ColorRight, double Overlap, string Form, bool FormRight);

/// <summary>
/// Judges a picture against the scene it should show. Colours are medians of regions well inside or well outside the
/// expected outlines, named by the nearest of the palette: the demo model blurs edges, and a judge of colours must not mind.
/// </summary>
/// <param name="Background">The palette colour found where no shape should be.</param>
/// <param name="BackgroundRight">Whether that is the one asked for.</param>
/// <param name="Shapes">One entry per shape, in the scene's order.</param>
/// <param name="ColorsPresent">Whether the colours asked for are in the picture, wherever: most pixels have the background's,
/// and each shape's has at least a fifth of the pixels it should cover.</param>
sealed record ShapesScore(string Background, bool BackgroundRight, IReadOnlyList<ShapeScore> Shapes, bool ColorsPresent)
{
    /// <summary>How far from an expected outline a pixel must lie to be asked for its colour, in pixels.</summary>
    const int Inward = 3, Outward = 4;

    /// <summary>Whether the background and every shape have the colours asked for, each in its place.</summary>
    public bool ColorsRight => BackgroundRight && Shapes.All(shape => shape.ColorRight);

    /// <summary>Whether every shape fits best as what it was asked to be.</summary>
    public bool FormsRight => Shapes.All(shape => shape.FormRight);

    /// <summary>Judges 64x64 pixels of three bytes against a scene.</summary>
    public static ShapesScore Of(ReadOnlySpan<byte> rgb, Scene scene)
    {
        if (rgb.Length != ShapesWorld.Side * ShapesWorld.Side * 3)
            throw new ArgumentException($"expected 64x64 pixels, got {rgb.Length} bytes", nameof(rgb));
        var pixels = rgb.ToArray();

        var near = new double[ShapesWorld.Side * ShapesWorld.Side];
        foreach (var shape in scene.Shapes)
            foreach (var (i, cover) in Resized(shape, Outward).Index())
                near[i] += cover;
        var ground = Median(pixels, near, cover => cover == 0);
        var groundName = Nearest(ground);

        return new(
            groundName, groundName == scene.Background,
            [.. scene.Shapes.Select(shape => Judge(pixels, shape, ground, groundName))],
            ArePresent(pixels, scene));
    }

    static bool ArePresent(byte[] pixels, Scene scene)
    {
        var counts = Enumerable.Range(0, pixels.Length / 3).CountBy(i => Nearest(Pixel(pixels, i))).ToDictionary();
        return counts.MaxBy(count => count.Value).Key == scene.Background
            && scene.Shapes.All(shape => counts.GetValueOrDefault(shape.Color) >= ShapesWorld.Cover(shape).Sum() / 5);
    }

    static ShapeScore Judge(byte[] pixels, SceneShape shape, (int R, int G, int B) ground, string groundName)
    {
        var inside = Median(pixels, Resized(shape, -Inward), cover => cover >= 0.99);
        var color = Nearest(inside);
        if (color == groundName)
            return new(color, color == shape.Color, 0, "", false);

        var fits = ShapesWorld.Forms.ToDictionary(form => form, form => Overlap(pixels, shape with { Form = form }, inside, ground));
        var best = fits.MaxBy(fit => fit.Value).Key;
        return new(color, color == shape.Color, fits[shape.Form], best, best == shape.Form);
    }

    /// <summary>
    /// Intersection over union of what the shape should cover and the pixels around it nearer to its colour than to the
    /// background's. The window keeps a second shape out.
    /// </summary>
    static double Overlap(byte[] pixels, SceneShape shape, (int R, int G, int B) inside, (int R, int G, int B) ground)
    {
        var cover = ShapesWorld.Cover(shape);
        int both = 0, either = 0;
        for (var i = 0; i < cover.Length; i++)
        {
            var (y, x) = Math.DivRem(i, ShapesWorld.Side);
            if (Math.Max(Math.Abs(x - shape.X), Math.Abs(y - shape.Y)) > shape.Radius + Outward)
                continue;
            var expected = cover[i] >= 0.5;
            var found = Distance(Pixel(pixels, i), inside) < Distance(Pixel(pixels, i), ground);
            both += expected && found ? 1 : 0;
            either += expected || found ? 1 : 0;
        }
        return (double)both / either;
    }

    static double[] Resized(SceneShape shape, int by) => ShapesWorld.Cover(shape with { Radius = shape.Radius + by });

    /// <summary>The median of each channel over the pixels whose cover is chosen.</summary>
    static (int R, int G, int B) Median(byte[] pixels, double[] cover, Func<double, bool> chosen)
    {
        var region = Enumerable.Range(0, cover.Length).Where(i => chosen(cover[i])).Select(i => Pixel(pixels, i)).ToArray();
        return (Middle(p => p.R), Middle(p => p.G), Middle(p => p.B));

        int Middle(Func<(int R, int G, int B), int> channel) => region.Select(channel).Order().ElementAt(region.Length / 2);
    }

    static string Nearest((int R, int G, int B) color) => ShapesWorld.Palette.MinBy(entry => Distance(color, entry.Value)).Key;

    static (int R, int G, int B) Pixel(byte[] pixels, int i) => (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]);

    static int Distance((int R, int G, int B) a, (int R, int G, int B) b)
    {
        var (r, g, h) = (a.R - b.R, a.G - b.G, a.B - b.B);
        return r * r + g * g + h * h;
    }
}
