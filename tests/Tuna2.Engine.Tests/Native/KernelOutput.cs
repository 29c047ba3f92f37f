using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What a kernel made, and what it is judged by.</summary>
/// <param name="Name">Of the output.</param>
/// <param name="Actual">What the kernel made.</param>
/// <param name="Rounded">The exact values with the roundings of the kernel's header: what rounding alone costs.</param>
/// <param name="Exact">The values in float64.</param>
/// <param name="RowLength">Elements of a row.</param>
/// <param name="Noise">The comparator's; 0 for what is copied.</param>
internal sealed record KernelOutput(string Name, float[] Actual, float[] Rounded, float[] Exact, int RowLength, double Noise)
{
    /// <summary>The second opinion, where float32 kernels are compared with the CPU's ops.</summary>
    public static CpuBackend Cpu { get; } = new(1);

    /// <summary>One that must come to the same bits.</summary>
    public static KernelOutput Copied(string name, float[] actual, float[] expected, int rowLength) => new(name, actual, expected, expected, rowLength, 0);

    /// <summary>One against another float32 computation of the same values.</summary>
    public static KernelOutput Against(string name, float[] actual, float[] other, int rowLength) =>
        new(name, actual, other, other, rowLength, Comparison.F32Noise);

    public bool Passes => Error.WithinRounding(RoundingError, Noise);

    private Comparison Error => Comparison.Of(Actual, Exact, RowLength);

    private Comparison RoundingError => Comparison.Of(Rounded, Exact, RowLength);

    public void Check()
    {
        if (!Passes)
            Assert.Fail($"{Name}: {Error}, row {Error.WorstRow} {Error.WorstRowError:E1}; rounding alone {RoundingError}");
    }
}
