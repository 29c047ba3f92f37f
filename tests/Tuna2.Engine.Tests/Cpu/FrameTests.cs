using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>Ops that move pixels: every element is where the formula says, to the bit.</summary>
public class FrameTests
{
    private const int Channels = 5;

    [TestCase(1, 2)]
    [TestCase(4, 2)]
    [TestCase(2, 1)]
    [TestCase(1, 1)]
    [TestCase(1, 3)]
    public void The_past_becomes_the_last_frames(int frames, int kept)
    {
        const int pixels = 6;
        var numbers = new SeededNumbers(frames);
        float[] input = numbers.Floats(frames * pixels * Channels), past = numbers.Floats(kept * pixels * Channels);
        double[] expected = [.. past.Concat(input).TakeLast(kept * pixels * Channels).Select(x => (double)x)];
        Everywhere.Computes(expected, Channels, 0, rig =>
        {
            var state = rig.Value("past", kept * pixels, Channels, past);
            rig.Run(new KeepFrames("cache", rig.Value("input", frames * pixels, Channels, input), new Grid(frames, 2, 3), state), new Batch());
            return rig.Read(state);
        });
    }

    [Test]
    public void A_pixel_becomes_four()
    {
        var size = new Grid(2, 3, 5);
        var input = new SeededNumbers(1).Floats(size.Count * Channels);
        var expected = Filled(new Grid(2, 6, 10), Channels, (t, y, x, c) => input[((t * 3 + y / 2) * 5 + x / 2) * Channels + c]);
        Everywhere.Computes(expected, Channels, 0, rig =>
        {
            var output = rig.Value("output", 4 * size.Count, Channels);
            rig.Run(new UpsampleNearest("resample.0", rig.Value("input", size.Count, Channels, input), size, output), new Batch());
            return rig.Read(output);
        });
    }

    [Test]
    public void A_frame_becomes_two()
    {
        var size = new Grid(2, 3, 5);
        var input = new SeededNumbers(1).Floats(size.Count * 2 * Channels);
        var expected = Filled(size with { Frames = 4 }, Channels, (t, y, x, c) => input[((t / 2 * 3 + y) * 5 + x) * 2 * Channels + t % 2 * Channels + c]);
        Everywhere.Computes(expected, Channels, 0, rig =>
        {
            var output = rig.Value("output", 2 * size.Count, Channels);
            rig.Run(new InterleaveFrames("frames", rig.Value("input", size.Count, 2 * Channels, input), size, output), new Batch());
            return rig.Read(output);
        });
    }

    [Test]
    public void Blocks_of_planes_become_channels_and_come_back()
    {
        var size = new Grid(2, 4, 6);
        var planes = new SeededNumbers(1).Floats(3 * size.Count);
        // Channel 4c + 2 dx + dy: columns before rows, unlike torch's pixel_unshuffle.
        var expected = Filled(new Grid(2, 2, 3), 12, (t, y, x, c) => planes[((c / 4 * 2 + t) * 4 + 2 * y + c % 2) * 6 + 2 * x + c / 2 % 2]);
        Everywhere.Computes(expected, 12, 0, rig =>
        {
            var output = rig.Value("output", size.Count / 4, 12);
            rig.Run(new SpaceToDepth("patches", rig.Value("planes", 1, planes.Length, planes), size, output), new Batch());
            var back = rig.Value("back", 1, planes.Length);
            rig.Run(new DepthToSpace("patches", output, size, back), new Batch());
            Assert.That(rig.Read(back), Is.EqualTo(planes));
            return rig.Read(output);
        });
    }

    private static double[] Filled(Grid size, int channels, Func<int, int, int, int, float> value)
    {
        var data = new double[size.Count * channels];
        for (var i = 0; i < data.Length; i++)
        {
            var pixel = i / channels;
            data[i] = value(pixel / (size.Height * size.Width), pixel / size.Width % size.Height, pixel % size.Width, i % channels);
        }
        return data;
    }
}
