using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Tests.Cpu;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/x0_to_velocity_step.cu in the host runner, against float64.</summary>
public class X0ToVelocityStepHostTests
{
    private const int LatentChannels = 48;

    private static readonly HostRunner Runner = new();

    /// <summary>1, 17 and 19 patches of 256 pixels; blocks take 1,024.</summary>
    [Test, Pairwise]
    public void Agrees_with_float64_and_the_CPU(
        [Values] ElementType element, [Values(0, 1, 2, 3)] int phase, [Values] bool raster, [Values(0f, 1f, 3f)] float guidance,
        [Values(0f, 0.5f, 0.94f, 0.96f, 1f)] float time, [Values("16x16", "16x272", "304x16", "48x32")] string size) =>
        Check(element, Numbers(time, 0.02f, guidance, phase), raster, size);

    /// <summary>What Tuna denoises: 48 channels, a token a cell, velocities; one frame and several, odd sides.</summary>
    [Test, Pairwise]
    public void Agrees_on_latents(
        [Values] ElementType element, [Values(0, 1, 2, 3)] int phase, [Values] bool velocity, [Values(0f, 1f, 7.5f)] float guidance,
        [Values(0f, 0.5f, 0.96f, 1f)] float time, [Values("1x1", "3x5", "16x17")] string size, [Values(1, 3)] int frames)
    {
        int[] sides = [.. size.Split('x').Select(int.Parse)];
        Check(new Operands(element, Numbers(time, 0.02f, guidance, phase), raster: true, sides[0], sides[1], latent: true, velocity, frames));
    }

    [TestCase(ElementType.BF16, 0, true)]
    [TestCase(ElementType.F32, 2, false)]
    public void Agrees_in_many_patches(ElementType element, int phase, bool raster) =>
        Check(element, Numbers(0.3f, 0.02f, 3, phase), raster, "368x688");

    [Test]
    public void A_picture_without_prediction_or_bytes_wanted_is_the_same([Values] ElementType element, [Values(0, 1, 2)] int phase)
    {
        var numbers = Numbers(0.3f, 0.02f, 2, phase);
        using Operands all = new(element, numbers, raster: true, 48, 32), bare = new(element, numbers, raster: true, 48, 32);
        Runner.LaunchChecked(all.Kernel, all.Args, all.Buffers);
        Runner.LaunchChecked(bare.Kernel, bare.Args with { Prediction = 0, Bytes = 0 }, bare.Buffers.AsSpan(..^2));
        Assert.That(bare.State, Is.EqualTo(all.State));
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values(0, 1, 2, 3)] int phase, [Values] bool raster)
    {
        using var operands = new Operands(element, Numbers(0.3f, 0.02f, 2, phase), raster, 48, 16);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [Test]
    public void Stays_in_its_buffers_on_latents([Values] ElementType element, [Values(0, 1, 2, 3)] int phase)
    {
        using var operands = new Operands(element, Numbers(0.3f, 0.02f, 2, phase), raster: true, 3, 5, latent: true, velocity: true, frames: 3);
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [TestCase(24, 16, 1)]
    [TestCase(16, 24, 1)]
    [TestCase(16, 16, 0)]
    public void Broken_patches_are_refused(int height, int width, int frames) =>
        Assert.That(() => new X0ToVelocityStep(ElementType.F32).Shape(new() { Height = height, Width = width, Frames = frames }), Throws.ArgumentException);

    [TestCase(16, 48)]
    [TestCase(8, 3)]
    [TestCase(1, 47)]
    public void A_shape_without_an_instance_is_refused(int patch, int channels) =>
        Assert.That(() => new X0ToVelocityStep(ElementType.F32, patch, channels).Instance, Throws.InstanceOf<Exception>());

    internal static KernelOutput Sample(ElementType element)
    {
        using var operands = new Operands(element, Numbers(0.3f, 0.02f, 2, 0), raster: true, 48, 32);
        Runner.LaunchChecked(operands.Kernel, operands.Args, operands.Buffers);
        return operands.Outputs()[1];
    }

    /// <summary>Three pictures, of which two are stepped, each by numbers of its own: both are what they are alone, and the third is as it was.</summary>
    [Test]
    public void Pictures_of_a_launch_take_steps_of_their_own([Values] ElementType element, [Values] bool latent)
    {
        const int stepped = 2, there = 3;
        var (height, width, channels, patch) = latent ? (3, 5, LatentChannels, 1) : (16, 48, 3, 16);
        int count = channels * height * width, values = patch * patch * channels;
        var random = new Random(7);
        float[] rows = element.Random(random, 2 * there * count), pictures = ElementType.F32.Random(random, 2 * there * count), velocity = ElementType.F32.Random(random, there * count);
        StepNumbers[] numbers = [new(0.25f, 0.02f, 3, 2, 2, 0, count / values), new(0.5f, 0.1f, 1, 1, 0, 3 * count / values, -1)];
        var args = new X0ToVelocityStepArgs { Height = height, Width = width, Raster = 1, Frames = 1, PredictsVelocity = latent ? 1 : 0 };
        float[] expected = pictures, remembered = velocity;
        foreach (var one in numbers)
            (expected, remembered) = Launch([one], expected, remembered);
        var (after, kept) = Launch(numbers, pictures, velocity);
        Assert.That(after, Is.EqualTo(expected));
        Assert.That(kept, Is.EqualTo(remembered));
        Assert.That(after[..count], Is.EqualTo(pictures[..count]), "a trial leaves the state");
        Assert.That(after[(2 * count)..(4 * count)], Is.EqualTo(pictures[(2 * count)..(4 * count)]), "nobody steps the picture between");
        Assert.That(after[(4 * count)..(5 * count)], Is.Not.EqualTo(pictures[(4 * count)..(5 * count)]));

        (float[] Pictures, float[] Velocity) Launch(StepNumbers[] steps, float[] before, float[] velocityBefore)
        {
            using HostBuffer input = element.Input("rows", rows), states = HostBuffer.Updated<float>("pictures", before), speeds = HostBuffer.Updated<float>("velocity", velocityBefore), table = HostBuffer.Input<StepNumbers>("numbers", steps);
            var launched = args with { Rows = input.Address, Pictures = states.Address, Velocity = speeds.Address, Numbers = table.Address };
            Runner.LaunchChecked(new X0ToVelocityStep(element, patch, channels, steps.Length), launched, input, states, speeds, table);
            if (steps.Length == stepped)
                SanitizedRunner.Launch(new X0ToVelocityStep(element, patch, channels, steps.Length), launched, [input, states, speeds, table]);
            return (Read(states), Read(speeds));
        }
    }

    /// <summary>Of the first picture; whoever has rows says where they begin.</summary>
    private static StepNumbers Numbers(float time, float delta, float guidance, int phase) => new(time, delta, guidance, phase, 0, 0, 0);

    private static void Check(ElementType element, StepNumbers numbers, bool raster, string size)
    {
        int[] sides = [.. size.Split('x').Select(int.Parse)];
        Check(new Operands(element, numbers, raster, sides[0], sides[1]));
    }

    private static void Check(Operands made)
    {
        using var operands = made;
        var (element, numbers) = (operands.Element, operands.Numbers);
        Runner.LaunchChecked(operands.Kernel, operands.Args, operands.Buffers);
        foreach (var output in operands.Outputs())
            output.Check();
        if (numbers.Phase != X0ToVelocityStep.PredictOnly && !operands.Latent)
            Assert.That(operands.Bytes.Holds(PixelTensor.ToImage(operands.State, operands.Args.Width, operands.Args.Height).Pixels.Span), "bytes");
        if (element == ElementType.F32 && numbers.Phase != X0ToVelocityStep.PredictOnly)
            KernelOutput.Against("the CPU backend", operands.State, operands.Cpu(), operands.Row).Check();
    }

    private static float[] Read(HostBuffer buffer) => buffer.As<float>().ToArray();

    private sealed class Operands : IDisposable
    {
        private readonly ElementType _element;
        private readonly StepNumbers _numbers;
        private readonly int _patch;
        private readonly int _channels;
        private readonly int _frames;
        private readonly bool _velocities;
        private readonly bool _raster;
        private readonly int _height;
        private readonly int _width;
        private readonly float[] _rows;
        private readonly float[] _z;
        private readonly float[] _trial;
        private readonly float[] _velocity;
        private readonly HostBuffer _pictures;
        private readonly HostBuffer _velocityBuffer;
        private readonly HostBuffer _prediction;

        /// <summary>Two branches behind a time token each. What a launch must not read is NaN, or has no address.</summary>
        public Operands(ElementType element, StepNumbers numbers, bool raster, int height, int width, bool latent = false, bool velocity = false, int frames = 1)
        {
            (_element, _numbers, _raster, _height, _width) = (element, numbers, raster, height, width);
            (_patch, _channels, _frames, _velocities) = (latent ? 1 : 16, latent ? LatentChannels : 3, frames, velocity);
            var count = _channels * Plane;
            var random = new Random(height + width);
            var reads = numbers.Phase != X0ToVelocityStep.PredictOnly;
            _rows = element.Random(random, 2 * (count + Values));
            _rows.AsSpan(0, Values).Fill(float.NaN);
            _rows.AsSpan(FirstOf(1) - Values, Values).Fill(float.NaN);
            if (numbers.Guidance == 1)
                _rows.AsSpan(FirstOf(1)).Fill(float.NaN);
            _z = reads ? ElementType.F32.Random(random, count) : NaNs(count);
            _trial = numbers.Phase == 2 ? ElementType.F32.Random(random, count) : NaNs(count);
            _velocity = numbers.Phase == 2 ? ElementType.F32.Random(random, count) : NaNs(count);

            var rows = element.Input("rows", _rows);
            _pictures = HostBuffer.Updated<float>("pictures", [.. _z, .. _trial]);
            _velocityBuffer = HostBuffer.Updated<float>("velocity", _velocity);
            _prediction = HostBuffer.Output<float>("prediction", count);
            Bytes = reads && !latent ? HostBuffer.Output<byte>("bytes", count) : HostBuffer.Updated<byte>("bytes", new byte[count]);
            var numbersBuffer = HostBuffer.Input<StepNumbers>("numbers", [numbers with { Conditional = FirstOf(0) / Values, Unconditional = numbers.Guidance == 1 ? int.MinValue : FirstOf(1) / Values }]);
            Buffers = [rows, _pictures, _velocityBuffer, numbersBuffer, _prediction, Bytes];
            Args = new X0ToVelocityStepArgs
            {
                Rows = rows.Address,
                Pictures = _pictures.Address,
                Velocity = _velocityBuffer.Address,
                Prediction = _prediction.Address,
                Bytes = latent ? 0 : Bytes.Address,
                Numbers = numbersBuffer.Address,
                Height = height,
                Width = width,
                Raster = raster ? 1 : 0,
                Frames = frames,
                PredictsVelocity = velocity ? 1 : 0,
            };
        }

        public ElementType Element => _element;

        public StepNumbers Numbers => _numbers;

        public bool Latent => _patch == 1;

        /// <summary>What is judged together: a line of a picture, a thread's channels of a latent. One value alone may cancel out.</summary>
        public int Row => Latent ? 8 * Plane : _width;

        private int Plane => _frames * _height * _width;

        private int Values => _patch * _patch * _channels;

        public X0ToVelocityStep Kernel => new(_element, _patch, _channels);

        public X0ToVelocityStepArgs Args { get; }

        public HostBuffer Bytes { get; }

        public HostBuffer[] Buffers { get; }

        /// <summary>What the phase writes: the trial state, or the state.</summary>
        public float[] State => Slot(_numbers.Phase == 1 ? 1 : 0);

        /// <summary>The prediction, then what the phase writes; all else must be as it was.</summary>
        public KernelOutput[] Outputs()
        {
            var count = _z.Length;
            float[] prediction = new float[count], state = new float[count], velocity = new float[count];
            for (var token = 0; token < count / Values; token++)
                for (var i = 0; i < Values; i++)
                {
                    var at = At(token, i);
                    double c = _rows[FirstOf(0) + token * Values + i], u = _rows[FirstOf(1) + token * Values + i];
                    var x0 = _numbers.Guidance == 1 ? c : u + _numbers.Guidance * (c - u);
                    var v = _velocities ? x0 : (x0 - (_numbers.Phase == 2 ? _trial : _z)[at]) / Math.Max(0.05, 1.0 - _numbers.Time);
                    var mean = _numbers.Phase == 2 ? (v + _velocity[at]) / 2 : v;
                    (prediction[at], velocity[at], state[at]) = ((float)x0, (float)v, (float)(_z[at] + (double)_numbers.Delta * mean));
                }
            Unchanged("z", Slot(0), _z, _numbers.Phase is 1 or 3);
            Unchanged("trial", Slot(1), _trial, _numbers.Phase != 1);
            Unchanged("velocity", Read(_velocityBuffer), _velocity, _numbers.Phase != 1);
            if (_numbers.Phase == 3 || Latent)
                Assert.That(Bytes.As<byte>().ContainsAnyExcept((byte)0), Is.False, "bytes");

            KernelOutput Judged(string name, float[] values, float[] exact) => new(name, values, exact, exact, Row, Comparison.F32Noise);
            return _numbers.Phase switch
            {
                3 => [Judged("prediction", Read(_prediction), prediction)],
                1 => [Judged("prediction", Read(_prediction), prediction), Judged("trial", State, state), Judged("velocity", Read(_velocityBuffer), velocity)],
                _ => [Judged("prediction", Read(_prediction), prediction), Judged("z", State, state)],
            };
        }

        /// <summary>The state the CPU backend comes to.</summary>
        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            var count = _z.Length;
            var rows = rig.Value("rows", _rows.Length / Values, Values, _rows);
            Value pictures = rig.Value("pictures", 2, count, [.. _z, .. _trial]), velocity = rig.Value("velocity", 1, count, _velocity);
            rig.Run(new VelocityStep("step", new HeadOutput(rows, _channels, _height, _width, _patch, _raster, _frames), pictures, velocity, null, _velocities ? PredictionKind.Velocity : PredictionKind.X0), new Batch
            {
                Steps = [new(0, FirstOf(0) / Values, FirstOf(1) / Values, new(_numbers.Time, _numbers.Delta, _numbers.Guidance, (StepPhase)_numbers.Phase))],
            });
            return rig.Read(pictures)[(_numbers.Phase == 1 ? count.. : ..count)];
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        private static float[] NaNs(int count) => [.. Enumerable.Repeat(float.NaN, count)];

        private float[] Slot(int slot) => Read(_pictures)[(slot * _z.Length)..((slot + 1) * _z.Length)];

        private static void Unchanged(string name, float[] values, float[] before, bool unchanged)
        {
            if (unchanged)
                Assert.That(values.AsSpan().SequenceEqual(before), $"{name} is as it was");
        }

        /// <summary>Where a branch's first patch begins among the rows' values.</summary>
        private int FirstOf(int branch) => Values + branch * (_channels * Plane + Values);

        /// <summary>Where value i of a token lies in the planes (MODEL.md 3.7).</summary>
        private int At(int token, int i)
        {
            int q = i / _channels, across = _width / _patch;
            var pixel = _raster ? token * _patch * _patch + q : (token / across * _patch + q / _patch) * _width + token % across * _patch + q % _patch;
            return i % _channels * Plane + pixel;
        }
    }
}
