using System.IO.Compression;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Shapes;

/// <summary>The judge passes true pictures, even blurred, and notices each thing that can be wrong with one.</summary>
public class ShapesScoreTests
{
    static Scene[] Scenes
    {
        get
        {
            var random = new Random(11);
            return [.. Enumerable.Range(0, 150).Select(_ => ShapesWorld.Draw(random))];
        }
    }

    [Test]
    public void True_pictures_score_in_full()
    {
        foreach (var scene in Scenes)
        {
            var score = ShapesScore.Of(ShapesWorld.Render(scene), scene);
            Assert.That(score.ColorsRight && score.FormsRight && score.ColorsPresent, Is.True, () => $"{ShapesWorld.Caption(scene)}: {score}");
            Assert.That(score.Shapes.Min(shape => shape.Overlap), Is.GreaterThan(0.85), ShapesWorld.Caption(scene));
        }
    }

    [Test]
    public void Blur_and_noise_leave_the_colours_right()
    {
        var random = new Random(12);
        foreach (var scene in Scenes)
        {
            var picture = BlurRows(ShapesWorld.Render(scene), 4);
            for (var i = 0; i < picture.Length; i++)
                picture[i] = (byte)Math.Clamp(picture[i] + random.Next(-20, 21), 0, 255);
            var score = ShapesScore.Of(picture, scene);
            Assert.That(score.ColorsRight, Is.True, () => $"{ShapesWorld.Caption(scene)}: {score}");
        }
    }

    [Test]
    public void Every_edit_is_noticed_in_the_picture_it_changed()
    {
        foreach (var scene in Scenes.Take(20))
            foreach (var (instruction, edited) in ShapesWorld.Edits(scene))
            {
                var before = ShapesScore.Of(ShapesWorld.Render(scene), edited);
                Assert.That(before.ColorsRight && before.FormsRight, Is.False, () => $"{ShapesWorld.Caption(scene)}: {instruction}");
                var after = ShapesScore.Of(ShapesWorld.Render(edited), edited);
                Assert.That(after.ColorsRight && after.FormsRight, Is.True, () => $"{ShapesWorld.Caption(scene)}: {instruction}: {after}");
            }
    }

    [Test]
    public void Swapped_colours_are_wrong()
    {
        var asked = ShapesWorld.Two("black", ("red", "circle"), "left of", ("green", "square"));
        var score = ShapesScore.Of(ShapesWorld.Render(ShapesWorld.Two("black", ("green", "circle"), "left of", ("red", "square"))), asked);
        Assert.That(score.BackgroundRight && score.FormsRight && score.ColorsPresent, Is.True);
        Assert.That(score.Shapes.Select(shape => (shape.Color, shape.ColorRight)), Is.EqualTo(new[] { ("green", false), ("red", false) }));
    }

    [Test]
    public void A_missing_shape_is_wrong()
    {
        var asked = ShapesWorld.Two("white", ("blue", "triangle"), "above", ("orange", "circle"));
        var score = ShapesScore.Of(ShapesWorld.Render(asked with { Shapes = [asked.Shapes[0]] }), asked);
        Assert.That(score.Shapes[0].ColorRight && score.Shapes[0].FormRight, Is.True);
        Assert.That(score.Shapes[1], Is.EqualTo(new ShapeScore("white", false, 0, "", false)));
        Assert.That(score.ColorsPresent, Is.False);
    }

    [Test]
    public void A_wrong_background_is_wrong()
    {
        var asked = ShapesWorld.One("yellow", "purple", "square", "large");
        var score = ShapesScore.Of(ShapesWorld.Render(asked with { Background = "green" }), asked);
        Assert.That((score.Background, score.BackgroundRight), Is.EqualTo(("green", false)));
        Assert.That(score.Shapes[0].ColorRight && score.FormsRight, Is.True);
        Assert.That(score.ColorsPresent, Is.False);
    }

    [Test]
    public void A_shape_in_the_wrong_place_is_wrong()
    {
        var asked = ShapesWorld.One("blue", "yellow", "circle", "small", "on the left");
        var score = ShapesScore.Of(ShapesWorld.Render(ShapesWorld.One("blue", "yellow", "circle", "small", "on the right")), asked);
        Assert.That(score.ColorsRight || score.FormsRight, Is.False);
    }

    /// <summary>Pictures the official code drew with the demo model's weights, blurred as they are, have the colours asked for.</summary>
    [Test]
    public void Pictures_of_the_model_are_judged_by_their_colours()
    {
        var first = ShapesScore.Of(Picture("t2i_0"), ShapesWorld.One("blue", "red", "circle", "large"));
        Assert.That(first.ColorsRight, Is.True, first.ToString());
        var second = ShapesScore.Of(Picture("t2i_1"), ShapesWorld.Two("purple", ("yellow", "square"), "above", ("red", "triangle")));
        Assert.That(second.ColorsRight, Is.True, second.ToString());
    }

    [Test]
    public void Other_sizes_are_refused() => Assert.Throws<ArgumentException>(() => ShapesScore.Of(new byte[12], Scenes[0]));

    static byte[] Picture(string name)
    {
        using var packed = new GZipStream(File.OpenRead(Fixtures.Path("shapes", $"{name}.rgb.gz")), CompressionMode.Decompress);
        using var pixels = new MemoryStream();
        packed.CopyTo(pixels);
        return pixels.ToArray();
    }

    /// <summary>Each run of <paramref name="rows"/> rows replaced by its mean.</summary>
    static byte[] BlurRows(byte[] picture, int rows)
    {
        const int stride = ShapesWorld.Side * 3;
        var blurred = new byte[picture.Length];
        for (var i = 0; i < picture.Length; i++)
        {
            var top = i / stride / rows * rows;
            blurred[i] = (byte)(Enumerable.Range(top, rows).Sum(row => picture[row * stride + i % stride]) / rows);
        }
        return blurred;
    }
}
