using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class PatchEmbeddingTests
{
    private const int Channels = 3, Hidden = 21, Side = 3;

    [TestCase(4, 12, 12, Description = "the table's own grid")]
    [TestCase(4, 8, 20, Description = "smaller and larger")]
    [TestCase(16, 16, 16, Description = "a single patch")]
    [TestCase(1, 7, 5, Description = "patches of a latent's cell")]
    public void It_is_a_convolution_a_bias_and_a_position(int patch, int height, int width)
    {
        int down = height / patch, across = width / patch, count = down * across;
        var numbers = new SeededNumbers(patch + height);
        float[] pictures = numbers.Floats(3 * Channels * height * width), weight = numbers.Floats(Hidden * Channels * patch * patch, Precision.BF16);
        float[] bias = numbers.Floats(Hidden), table = numbers.Floats(Side * Side * Hidden, Precision.BF16);
        PatchPlacement[] places = [new(2, 0), new(0, 0)];

        var expected = new double[2 * count * Hidden];
        for (var i = 0; i < places.Length; i++)
            for (var p = 0; p < count; p++)
                for (var o = 0; o < Hidden; o++)
                {
                    var sum = bias[o] + Position(table, p / across, down, p % across, across, o);
                    for (var c = 0; c < Channels; c++)
                        for (var y = 0; y < patch; y++)
                            for (var x = 0; x < patch; x++)
                                sum += (double)weight[((o * Channels + c) * patch + y) * patch + x]
                                    * pictures[((places[i].Picture * Channels + c) * height + p / across * patch + y) * width + p % across * patch + x];
                    expected[(i * count + p) * Hidden + o] = sum;
                }

        Everywhere.Computes(expected, Hidden, 1e-6, rig =>
        {
            var output = rig.Value("patches", 2 * count, Hidden);
            rig.Run(Op(rig, patch, height, width, pictures, weight, bias, rig.Weight(Side * Side, Hidden, Precision.BF16, table), output), new Batch { Patches = places });
            return rig.Read(output);
        });
    }

    /// <summary>Every frame of a clip is what it is alone: planes are frames apart, positions begin anew.</summary>
    [Test]
    public void A_clips_frames_are_pictures_of_their_own()
    {
        const int frames = 3, height = 5, width = 4, plane = height * width;
        var numbers = new SeededNumbers(31);
        float[] clips = numbers.Floats(3 * Channels * frames * plane), weight = numbers.Floats(Hidden * Channels, Precision.BF16);
        float[] bias = numbers.Floats(Hidden), table = numbers.Floats(Side * Side * Hidden, Precision.BF16);
        foreach (var backend in Everywhere.Backends)
        {
            using var rig = new CpuRig(backend);
            var positions = rig.Weight(Side * Side, Hidden, Precision.BF16, table);
            var together = rig.Value("patches", 2 * frames * plane, Hidden);
            rig.Run(new PatchEmbedding("vision_model.embeddings", rig.Value("clips", 3, Channels * frames * plane, clips), rig.Weight(Hidden, Channels, Precision.BF16, weight),
                rig.Vector(bias), positions, 1, Channels, height, width, together, frames), new Batch { Patches = [new(2, 0), new(0, 0)] });
            var found = rig.Read(together);
            foreach (var (i, clip) in new[] { (0, 2), (1, 0) })
                for (var frame = 0; frame < frames; frame++)
                {
                    float[] picture = [.. Enumerable.Range(0, Channels).SelectMany(c => clips.Skip(((clip * Channels + c) * frames + frame) * plane).Take(plane))];
                    var alone = rig.Value("alone", plane, Hidden);
                    rig.Run(new PatchEmbedding("vision_model.embeddings", rig.Value("picture", 1, Channels * plane, picture), rig.Weight(Hidden, Channels, Precision.BF16, weight),
                        rig.Vector(bias), positions, 1, Channels, height, width, alone), new Batch { Patches = [new(0, 0)] });
                    Assert.That(rig.Read(alone), Is.EqualTo(found.Skip((i * frames + frame) * plane * Hidden).Take(plane * Hidden)), $"clip {clip}, frame {frame}");
                }
        }
    }

    [Test]
    public void A_table_that_is_not_square_is_refused()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var output = rig.Value("patches", 1, Hidden);
        Assert.That(() => Op(rig, 2, 2, 2, new float[3 * Channels * 4], new float[Hidden * Channels * 4], new float[Hidden], rig.Weight(8, Hidden, Precision.F32, new float[8 * Hidden]), output),
            Throws.ArgumentException.With.Message.Contains("8 positions"));
    }

    [TestCase(3)]
    [TestCase(-1)]
    public void A_picture_that_is_not_there_is_an_error(int picture)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = Op(rig, 2, 2, 2, new float[3 * Channels * 4], new float[Hidden * Channels * 4], new float[Hidden], rig.Weight(9, Hidden, Precision.F32, new float[9 * Hidden]), rig.Value("patches", 1, Hidden));
        Assert.That(() => rig.Run(op, new Batch { Patches = [new(picture, 0)] }), Throws.InvalidOperationException);
    }

    private static PatchEmbedding Op(CpuRig rig, int patch, int height, int width, float[] pictures, float[] weight, float[] bias, Weight positions, Value output) =>
        new("vision_model.embeddings", rig.Value("pictures", 3, Channels * height * width, pictures), rig.Weight(Hidden, Channels * patch * patch, Precision.BF16, weight),
            rig.Vector(bias), positions, patch, Channels, height, width, output);

    private static double Position(float[] table, int y, int down, int x, int across, int column)
    {
        var rows = Enumerable.Range(0, Side).Select(r => (float)Interpolated([.. Enumerable.Range(0, Side).Select(c => table[(r * Side + c) * Hidden + column])], x, across)).ToArray();
        return Interpolated(rows, y, down);
    }

    /// <summary>Cubic convolution with A = -0.75 around the source coordinate, by its piecewise polynomial of the distance.</summary>
    private static double Interpolated(float[] line, int index, int count)
    {
        var source = (index + 0.5) * line.Length / count - 0.5;
        double sum = 0;
        for (var tap = (int)Math.Floor(source) - 1; tap <= (int)Math.Floor(source) + 2; tap++)
        {
            const double a = -0.75;
            var d = Math.Abs(source - tap);
            var weight = d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
            sum += weight * line[Math.Clamp(tap, 0, line.Length - 1)];
        }
        return sum;
    }
}
