using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class UnpatchifyTests
{
    private const int Channels = 3, Patch = 4, Height = 8, Width = 12;
    private const int Tokens = Height / Patch * (Width / Patch), Values = Patch * Patch * Channels;

    [TestCase(true)]
    [TestCase(false)]
    public void Rows_become_the_pictures_they_were_cut_from(bool raster)
    {
        var picture = new SeededNumbers(5).Floats(Channels * Height * Width);
        var rows = new float[(Tokens + 2) * Values];
        for (var token = 0; token < Tokens; token++)
            for (var y = 0; y < Patch; y++)
                for (var x = 0; x < Patch; x++)
                    for (var c = 0; c < Channels; c++)
                    {
                        var q = y * Patch + x;
                        var flat = raster
                            ? token * Patch * Patch + q
                            : (token / (Width / Patch) * Patch + y) * Width + token % (Width / Patch) * Patch + x;
                        rows[(1 + token) * Values + q * Channels + c] = picture[c * Height * Width + flat];
                    }

        double[] expected = [.. Enumerable.Repeat(7.0, picture.Length), .. picture];
        Everywhere.Computes(expected, picture.Length, 0, rig =>
        {
            var predictions = rig.Value("predictions", 2, picture.Length, [.. Enumerable.Repeat(7f, 2 * picture.Length)]);
            rig.Run(new Unpatchify("unpatchify", rig.Value("rows", Tokens + 2, Values, rows), predictions, Channels, Height, Width, Patch, raster),
                new Batch { Predictions = [new(FirstRow: 1, Prediction: 1)] });
            return rig.Read(predictions);
        });
    }

    [TestCase(2, 0)]
    [TestCase(-1, 0)]
    [TestCase(0, 1)]
    public void A_prediction_outside_slots_or_rows_is_an_error(int firstRow, int slot)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new Unpatchify("unpatchify", rig.Value("rows", Tokens + 1, Values), rig.Value("predictions", 1, Channels * Height * Width), Channels, Height, Width, Patch, true);
        Assert.That(() => rig.Run(op, new Batch { Predictions = [new(firstRow, slot)] }), Throws.InvalidOperationException);
    }
}
