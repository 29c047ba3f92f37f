using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>The VAE's shortcuts over a level, against the official code's steps: pad, view, permute, mean; repeat, view, permute, drop.</summary>
public class ShortcutTests
{
    [TestCase(4, 2, 2, 4, 8, Description = "half the frames, half the sides")]
    [TestCase(1, 2, 2, 4, 8, Description = "a lone first frame: zeros count in the mean")]
    [TestCase(2, 1, 2, 4, 4, Description = "the sides alone")]
    [TestCase(2, 1, 1, 6, 6, Description = "nothing: the identity")]
    public void Down_is_the_mean_of_groups(int frames, int blockFrames, int side, int channels, int columns)
    {
        Grid size = new(frames, 4, 6), to = new((frames + blockFrames - 1) / blockFrames, 4 / side, 6 / side);
        var numbers = new SeededNumbers(frames + columns);
        float[] input = numbers.Floats(size.Count * channels), main = numbers.Floats(to.Count * columns);
        int missing = to.Frames * blockFrames - frames, factor = blockFrames * side * side, group = channels * factor / columns;
        var expected = new double[to.Count * columns];
        for (var t = 0; t < to.Frames; t++)
            for (var y = 0; y < to.Height; y++)
                for (var x = 0; x < to.Width; x++)
                {
                    // (c, dt, dy, dx) flattened, as x.view(B, C * factor, ...) has it after the permutation.
                    var flat = new List<double>();
                    for (var c = 0; c < channels; c++)
                        for (var dt = 0; dt < blockFrames; dt++)
                            for (var dy = 0; dy < side; dy++)
                                for (var dx = 0; dx < side; dx++)
                                {
                                    var frame = t * blockFrames + dt - missing;
                                    flat.Add(frame < 0 ? 0 : input[((frame * 4 + y * side + dy) * 6 + x * side + dx) * channels + c]);
                                }
                    var pixel = (t * to.Height + y) * to.Width + x;
                    for (var o = 0; o < columns; o++)
                        expected[pixel * columns + o] = main[pixel * columns + o] + flat.Skip(o * group).Take(group).Average();
                }
        Everywhere.Computes(expected, columns, 1e-6, rig =>
        {
            var output = rig.Value("output", to.Count, columns);
            rig.Run(new AverageDown("avg_shortcut", rig.Value("input", size.Count, channels, input), size, blockFrames, side, rig.Value("main", to.Count, columns, main), output), new Batch());
            return rig.Read(output);
        });
    }

    [TestCase(1, 2, true, 8, 8)]
    [TestCase(1, 2, false, 8, 8)]
    [TestCase(2, 2, false, 8, 4)]
    [TestCase(3, 1, true, 8, 4)]
    public void Up_is_copies_in_blocks(int frames, int blockFrames, bool first, int channels, int columns)
    {
        const int side = 2;
        var size = new Grid(frames, 2, 3);
        var dropped = first ? blockFrames - 1 : 0;
        var to = new Grid(frames * blockFrames - dropped, 4, 6);
        var numbers = new SeededNumbers(frames + columns);
        float[] input = numbers.Floats(size.Count * channels), main = numbers.Floats(to.Count * columns);
        var repeats = columns * blockFrames * side * side / channels;
        var expected = new double[to.Count * columns];
        for (var pixel = 0; pixel < to.Count; pixel++)
            for (var o = 0; o < columns; o++)
            {
                int t = pixel / 24 + dropped, y = pixel / 6 % 4, x = pixel % 6;
                var repeated = ((o * blockFrames + t % blockFrames) * side + y % side) * side + x % side;
                expected[pixel * columns + o] = main[pixel * columns + o] + (double)input[((t / blockFrames * 2 + y / side) * 3 + x / side) * channels + repeated / repeats];
            }
        Everywhere.Computes(expected, columns, 1e-6, rig =>
        {
            var output = rig.Value("output", to.Count, columns);
            rig.Run(new DuplicateUp("avg_shortcut", rig.Value("input", size.Count, channels, input), size, blockFrames, side, first, rig.Value("main", to.Count, columns, main), output), new Batch());
            return rig.Read(output);
        });
    }
}
