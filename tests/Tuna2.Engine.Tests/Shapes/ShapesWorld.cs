namespace Tuna2.Engine.Tests.Shapes;

/// <summary>
/// The world the demo model was trained on: flat pictures of 64x64 pixels with one or two shapes, and the words for them.
/// Pictures equal the generator's that made its training data byte for byte.
/// </summary>
static class ShapesWorld
{
    /// <summary>Width and height of a picture, in pixels.</summary>
    public const int Side = 64;

    /// <summary>Samples along each axis of a pixel.</summary>
    const int Samples = 4;

    /// <summary>The named colours.</summary>
    public static IReadOnlyDictionary<string, (byte R, byte G, byte B)> Palette { get; } = new OrderedDictionary<string, (byte, byte, byte)>
    {
        ["red"] = (220, 40, 40),
        ["green"] = (40, 170, 60),
        ["blue"] = (40, 80, 220),
        ["yellow"] = (240, 210, 40),
        ["purple"] = (140, 60, 180),
        ["orange"] = (245, 140, 30),
        ["white"] = (245, 245, 245),
        ["black"] = (15, 15, 15),
    };

    /// <summary>What a shape may be.</summary>
    public static IReadOnlyList<string> Forms { get; } = ["circle", "square", "triangle"];

    /// <summary>The colours a shape may have; a background may have any.</summary>
    public static IReadOnlyList<string> ShapeColors { get; } = ["red", "green", "blue", "yellow", "purple", "orange"];

    static readonly (string Name, int Radius)[] s_sizes = [("small", 9), ("", 13), ("large", 19)];

    static readonly (string Name, int X, int Y)[] s_positions =
        [("", 0, 0), ("on the left", -1, 0), ("on the right", 1, 0), ("at the top", 0, -1), ("at the bottom", 0, 1)];

    /// <summary>A scene of one shape. Small and medium ones move to three pixels from the edge, large ones by twelve pixels.</summary>
    public static Scene One(string background, string color, string form, string size = "", string position = "")
    {
        var radius = s_sizes.Single(s => s.Name == size).Radius;
        var (_, x, y) = s_positions.Single(p => p.Name == position);
        var shift = radius < 19 ? 29 - radius : 12;
        return new(background, [new(form, color, 32 + x * shift, 32 + y * shift, radius)], size, position, "");
    }

    /// <summary>A scene of two shapes; <paramref name="relation"/> is "left of" or "above".</summary>
    public static Scene Two(string background, (string Color, string Form) first, string relation, (string Color, string Form) second)
    {
        var aside = relation == "left of";
        return new(
            background,
            [
                new(first.Form, first.Color, aside ? 17 : 32, aside ? 32 : 17, 11),
                new(second.Form, second.Color, aside ? 47 : 32, aside ? 32 : 47, 11),
            ],
            "", "", relation);
    }

    /// <summary>A random scene, in the training data's proportions: two thirds have one shape, three fifths of those off centre.</summary>
    public static Scene Draw(Random random)
    {
        var background = Pick([.. Palette.Keys]);
        string[] colors = [.. ShapeColors.Where(color => color != background)];
        random.Shuffle(colors);
        return random.NextDouble() < 0.65
            ? One(background, colors[0], Pick(Forms), Pick(s_sizes).Name, random.NextDouble() < 0.6 ? Pick(s_positions).Name : "")
            : Two(background, (colors[0], Pick(Forms)), Pick(["left of", "above"]), (colors[1], Pick(Forms)));

        T Pick<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];
    }

    /// <summary>The picture: 64 rows of 64 pixels, three bytes (red, green, blue) each.</summary>
    public static byte[] Render(Scene scene)
    {
        var picture = new double[Side * Side * 3];
        var ground = Channels(scene.Background);
        for (var i = 0; i < picture.Length; i++)
            picture[i] = ground[i % 3];
        foreach (var shape in scene.Shapes)
        {
            var cover = Cover(shape);
            var color = Channels(shape.Color);
            for (var i = 0; i < picture.Length; i++)
                picture[i] = picture[i] * (1 - cover[i / 3]) + cover[i / 3] * color[i % 3];
        }
        // Sixteenths of bytes are exact in a double, so only this rounding (half to even) could differ from the generator's.
        return Array.ConvertAll(picture, value => (byte)Math.Clamp(Math.Round(value, MidpointRounding.ToEven), 0, 255));
    }

    /// <summary>How much of each pixel the shape covers, 0 to 1, from 16 samples.</summary>
    public static double[] Cover(SceneShape shape)
    {
        var cover = new double[Side * Side];
        var (left, right) = Extent(shape.X);
        var (top, bottom) = Extent(shape.Y);
        for (var row = top; row < bottom; row++)
            for (var column = left; column < right; column++)
                if (Contains(shape, (column + 0.5) / Samples, (row + 0.5) / Samples))
                    cover[row / Samples * Side + column / Samples] += 1.0 / (Samples * Samples);
        return cover;

        (int First, int End) Extent(int centre) =>
            (Math.Max(0, (centre - shape.Radius) * Samples), Math.Min(Side, centre + shape.Radius) * Samples);
    }

    /// <summary>The prompt for a scene, which is also its description.</summary>
    public static string Caption(Scene scene)
    {
        var first = scene.Shapes[0];
        var text = scene.Shapes.Count == 1
            ? $"{WithArticle($"{scene.Size} {Name(first)}".TrimStart())} {scene.Position}".TrimEnd()
            : $"{WithArticle(Name(first))} {scene.Relation} {WithArticle(Name(scene.Shapes[1]))}";
        return $"{text} on {WithArticle(scene.Background)} background";
    }

    /// <summary>Every question the model was taught that has one answer in this scene.</summary>
    public static IReadOnlyList<(string Question, string Answer)> Questions(Scene scene)
    {
        var first = scene.Shapes[0];
        List<(string, string)> pairs =
        [
            ("Describe the image in detail.", $"{Caption(scene)}."),
            ("What color is the background?", scene.Background),
            ("How many shapes are there?", scene.Shapes.Count == 1 ? "one" : "two"),
        ];
        if (scene.Shapes.Count == 1)
        {
            pairs.Add(("What shape is in the image?", first.Form));
            pairs.Add(("What color is the shape?", first.Color));
            pairs.AddRange(Forms.Select(form => ($"Is there a {form} in the image?", form == first.Form ? "yes" : "no")));
        }
        else
        {
            var aside = scene.Relation == "left of";
            pairs.Add(($"What shape is {(aside ? "on the left" : "at the top")}?", first.Form));
            pairs.Add(($"What shape is {(aside ? "on the right" : "at the bottom")}?", scene.Shapes[1].Form));
        }
        foreach (var shape in scene.Shapes.Where(shape => IsOnlyOne(scene, shape)))
            pairs.Add(($"What color is the {shape.Form}?", shape.Color));
        return pairs;
    }

    /// <summary>Every instruction the model was taught that this scene supports, with the scene it asks for.</summary>
    public static IReadOnlyList<(string Instruction, Scene Edited)> Edits(Scene scene)
    {
        var edits = new List<(string, Scene)>();
        string[] used = [scene.Background, .. scene.Shapes.Select(shape => shape.Color)];
        foreach (var color in Palette.Keys.Except(used))
            edits.Add(($"change the background to {color}", scene with { Background = color }));
        foreach (var shape in scene.Shapes)
        {
            var name = IsOnlyOne(scene, shape) ? $"the {shape.Form}" : $"the {Name(shape)}";
            foreach (var color in ShapeColors.Except(used))
                edits.Add(($"make {name} {color}", With(shape, shape with { Color = color })));
            foreach (var form in Forms.Where(form => form != shape.Form))
                edits.Add(($"turn {name} into a {form}", With(shape, shape with { Form = form })));
        }
        return edits;

        Scene With(SceneShape old, SceneShape changed) =>
            scene with { Shapes = [.. scene.Shapes.Select(shape => ReferenceEquals(shape, old) ? changed : shape)] };
    }

    static bool Contains(SceneShape shape, double x, double y)
    {
        var (dx, dy) = (x - shape.X, y - shape.Y);
        switch (shape.Form)
        {
            case "circle":
                return dx * dx + dy * dy <= shape.Radius * shape.Radius;
            case "square":
                var half = shape.Radius * 0.9;
                return Math.Abs(dx) <= half && Math.Abs(dy) <= half;
            default:
                // A triangle on its base: its half width grows from nothing at the top to the radius at the bottom.
                var top = shape.Y - shape.Radius;
                var bottom = shape.Y + shape.Radius * 0.8;
                var down = (y - top) / (bottom - top);
                return down is >= 0 and <= 1 && Math.Abs(dx) <= down * shape.Radius;
        }
    }

    static bool IsOnlyOne(Scene scene, SceneShape shape) => scene.Shapes.Count(other => other.Form == shape.Form) == 1;

    static string Name(SceneShape shape) => $"{shape.Color} {shape.Form}";

    static string WithArticle(string words) => (words[0] is 'a' or 'e' or 'i' or 'o' or 'u' ? "an " : "a ") + words;

    static double[] Channels(string color) => [Palette[color].R, Palette[color].G, Palette[color].B];
}
