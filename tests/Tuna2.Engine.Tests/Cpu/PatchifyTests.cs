using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class PatchifyTests
{
    private const int Channels = 3, Hidden = 21;
    private const float Epsilon = 1e-5f;

    [TestCase(16, 16, 16)]
    [TestCase(16, 48, 32)]
    [TestCase(4, 12, 20)]
    public void It_is_a_convolution_bias_and_norm_placed_where_the_batch_says(int patch, int height, int width)
    {
        int across = width / patch, count = height / patch * across;
        var numbers = new SeededNumbers(patch + height);
        float[] pictures = numbers.Floats(3 * Channels * height * width), weight = numbers.Floats(Hidden * Channels * patch * patch, Precision.BF16);
        float[] bias = numbers.Floats(Hidden), norm = numbers.Floats(Hidden), before = numbers.Floats((2 * count + 3) * Hidden);
        PatchPlacement[] places = [new(2, 1), new(0, count + 2)];

        var expected = Array.ConvertAll(before, x => (double)x);
        foreach (var place in places)
            for (var p = 0; p < count; p++)
            {
                var features = new double[Hidden];
                for (var o = 0; o < Hidden; o++)
                {
                    features[o] = bias[o];
                    for (var c = 0; c < Channels; c++)
                        for (var y = 0; y < patch; y++)
                            for (var x = 0; x < patch; x++)
                                features[o] += (double)weight[((o * Channels + c) * patch + y) * patch + x]
                                    * pictures[((place.Picture * Channels + c) * height + p / across * patch + y) * width + p % across * patch + x];
                }
                var root = Math.Sqrt(features.Average(f => f * f) + Epsilon);
                for (var o = 0; o < Hidden; o++)
                    expected[(place.FirstRow + p) * Hidden + o] = features[o] / root * norm[o];
            }

        Everywhere.Computes(expected, Hidden, 1e-6, rig =>
        {
            var output = rig.Value("rows", 2 * count + 3, Hidden, before);
            rig.Run(Op(rig, patch, height, width, pictures, weight, bias, norm, output), new Batch { Patches = places });
            return rig.Read(output);
        });
    }

    [TestCase(3, 0)]
    [TestCase(-1, 0)]
    [TestCase(0, 1)]
    [TestCase(0, -1)]
    public void A_placement_outside_pictures_or_rows_is_an_error(int picture, int firstRow)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = Op(rig, 2, 4, 4, new float[3 * Channels * 16], new float[Hidden * Channels * 4], new float[Hidden], new float[Hidden], rig.Value("rows", 4, Hidden));
        Assert.That(() => rig.Run(op, new Batch { Patches = [new(picture, firstRow)] }), Throws.InvalidOperationException);
    }

    private static Patchify Op(CpuRig rig, int patch, int height, int width, float[] pictures, float[] weight, float[] bias, float[] norm, Value output) =>
        new("vision_encoder", rig.Value("pictures", 3, Channels * height * width, pictures), rig.Weight(Hidden, Channels * patch * patch, Precision.BF16, weight),
            rig.Vector(bias), rig.Vector(norm), Epsilon, patch, Channels, height, width, maxPictures: 2, output);
}
