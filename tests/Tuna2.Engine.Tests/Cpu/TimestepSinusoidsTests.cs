using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class TimestepSinusoidsTests
{
    [Test]
    public void Cosines_come_first_then_sines()
    {
        const int half = 128;
        float[] times = [0, 0.02f, 0.5f, 1, 999];
        var expected = new double[times.Length * 2 * half];
        for (var row = 0; row < times.Length; row++)
            for (var i = 0; i < half; i++)
            {
                var angle = times[row] * Math.Exp(-Math.Log(10000) * i / half);
                (expected[row * 2 * half + half + i], expected[row * 2 * half + i]) = Math.SinCos(angle);
            }
        Everywhere.Computes(expected, 2 * half, 1e-5, rig =>
        {
            var output = rig.Value("sinusoids", times.Length, 2 * half);
            rig.Run(new TimestepSinusoids("time_embed", rig.Value("times", times.Length, 1, times), output), new Batch());
            return rig.Read(output);
        });
    }
}
