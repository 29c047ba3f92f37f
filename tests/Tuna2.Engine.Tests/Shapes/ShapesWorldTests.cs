using System.Security.Cryptography;
using System.Text.Json;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Shapes;

/// <summary>The world's pictures and words are those of the generator that made the demo model's training data.</summary>
public class ShapesWorldTests
{
    [Test]
    public void Scenes_are_drawn_and_worded_as_in_training()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("shapes", "scenes.json")));
        foreach (var item in json.RootElement.EnumerateArray())
        {
            var scene = Scene(item);
            Assert.That(
                scene.Shapes.Select(shape => (shape.X, shape.Y, shape.Radius)),
                Is.EqualTo(item.GetProperty("shapes").EnumerateArray().Select(s => (s[2].GetInt32(), s[3].GetInt32(), s[4].GetInt32()))));
            Assert.That(ShapesWorld.Caption(scene), Is.EqualTo(item.GetProperty("caption").GetString()));
            Assert.That(Hash(scene), Is.EqualTo(item.GetProperty("sha256").GetString()), ShapesWorld.Caption(scene));
            if (!item.TryGetProperty("questions", out var questions))
                continue;
            Assert.That(
                ShapesWorld.Questions(scene),
                Is.EquivalentTo(questions.EnumerateArray().Select(q => (q[0].GetString()!, q[1].GetString()!))));
            Assert.That(
                ShapesWorld.Edits(scene).Select(edit => (edit.Instruction, ShapesWorld.Caption(edit.Edited), Hash(edit.Edited))),
                Is.EquivalentTo(item.GetProperty("edits").EnumerateArray()
                    .Select(e => (e[0].GetString()!, e[1].GetString()!, e[2].GetString()!))));
        }
    }

    [Test]
    public void Random_scenes_repeat_with_their_seed_and_cover_the_world()
    {
        var captions = Captions(7);
        Assert.That(captions, Is.EqualTo(Captions(7)));
        Assert.That(captions, Is.Not.EqualTo(Captions(8)));
        string[] others = ["small", "large", "left of", "above", "on the left", "at the bottom"];
        foreach (var word in (string[])[.. ShapesWorld.Forms, .. ShapesWorld.Palette.Keys, .. others])
            Assert.That(captions.Any(caption => caption.Contains(word, StringComparison.Ordinal)), Is.True, word);

        static string[] Captions(int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, 200).Select(_ => ShapesWorld.Caption(ShapesWorld.Draw(random)))];
        }
    }

    static Scene Scene(JsonElement item)
    {
        var shapes = item.GetProperty("shapes").EnumerateArray().Select(s => (Color: s[0].GetString()!, Form: s[1].GetString()!)).ToArray();
        var background = item.GetProperty("background").GetString()!;
        return shapes.Length == 1
            ? ShapesWorld.One(background, shapes[0].Color, shapes[0].Form, Word("size"), Word("position"))
            : ShapesWorld.Two(background, shapes[0], Word("relation"), shapes[1]);

        string Word(string name) => item.GetProperty(name).GetString()!;
    }

    /// <summary>The first half of the picture's SHA-256.</summary>
    static string Hash(Scene scene) => Convert.ToHexStringLower(SHA256.HashData(ShapesWorld.Render(scene)))[..32];
}
