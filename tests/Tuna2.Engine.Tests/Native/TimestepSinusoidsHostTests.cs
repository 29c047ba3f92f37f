using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/timestep_sinusoids.cu in the host runner, against float64.</summary>
public class TimestepSinusoidsHostTests
{
    private const int Half = 128, Columns = 2 * Half;

    private static readonly HostRunner Runner = new();

    [Test]
    public void Agrees_with_float64_and_the_CPU([Values] ElementType element, [Values(1, 17, 19, 989)] int count)
    {
        var times = Times(count);
        var output = Launch(element, times);
        output.Check();
        if (element == ElementType.F32)
            KernelOutput.Against("the CPU backend", output.Actual, Cpu(times), Columns).Check();
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var operands = new Operands(element, [0, 0.3f, 1]);
        SanitizedRunner.Launch(new TimestepSinusoids(element, 3), operands.Args, operands.Buffers);
    }

    internal static KernelOutput Sample(ElementType element) => Launch(element, Times(17));

    /// <summary>From 0 to 1, both included.</summary>
    private static float[] Times(int count) => [.. Enumerable.Range(0, count).Select(i => i / (float)Math.Max(count - 1, 1))];

    private static KernelOutput Launch(ElementType element, float[] times)
    {
        using var operands = new Operands(element, times);
        Runner.LaunchChecked(new TimestepSinusoids(element, times.Length), operands.Args, operands.Buffers);
        return new("y", element.Read(operands.Y), Reference(times, x => element.Round(x)), Reference(times, x => x), Columns, element.Noise());
    }

    private static float[] Reference(float[] times, Func<double, double> round) =>
        [.. times.SelectMany(t => Enumerable.Range(0, Columns).Select(c =>
        {
            var angle = t * Math.Exp(-Math.Log(10000) * (c % Half) / Half);
            return (float)round(c < Half ? Math.Cos(angle) : Math.Sin(angle));
        }))];

    private static float[] Cpu(float[] times)
    {
        using var rig = new CpuRig(KernelOutput.Cpu);
        Value t = rig.Value("times", times.Length, 1, times), y = rig.Value("y", times.Length, Columns);
        rig.Run(new Ops.TimestepSinusoids("time_embed", t, y), new Batch());
        return rig.Read(y);
    }

    private sealed class Operands : IDisposable
    {
        public Operands(ElementType element, float[] values)
        {
            var times = HostBuffer.Input<float>("times", values);
            var frequencies = HostBuffer.Input<float>("frequencies", TimestepSinusoids.Frequencies);
            Y = element.Output("y", values.Length * Columns);
            Buffers = [times, frequencies, Y];
            Args = new TimestepSinusoidsArgs { Times = times.Address, Frequencies = frequencies.Address, Y = Y.Address };
        }

        public TimestepSinusoidsArgs Args { get; }

        public HostBuffer Y { get; }

        public HostBuffer[] Buffers { get; }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());
    }
}
