using NUnit.Framework;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What a launch computed, beside what it must come to.</summary>
/// <param name="Actual">The kernel's output.</param>
/// <param name="Exact">In float64, from the same operands.</param>
/// <param name="Rounded">The same, rounded where the kernel's header says.</param>
/// <param name="RowLength">Elements that are judged together.</param>
/// <param name="Element">The output's type.</param>
internal sealed record HostResult(float[] Actual, float[] Exact, float[] Rounded, int RowLength, ElementType Element)
{
    /// <summary>Whether rounding explains the differences.</summary>
    public bool Agrees => Error.WithinRounding(Comparison.Of(Rounded, Exact, RowLength), Noise);

    private Comparison Error => Comparison.Of(Actual, Exact, RowLength);

    private double Noise => Element == ElementType.BF16 ? Comparison.BF16Noise : Comparison.F32Noise;

    public void AssertAgrees() => Assert.That(Agrees,
        $"{Error}, row {Error.WorstRow} {Error.WorstRowError:E1}; rounding alone {Comparison.Of(Rounded, Exact, RowLength)}");

    /// <summary>Another implementation in float32 has the same values.</summary>
    public void AssertAgreesWith(float[] other) => (this with { Exact = other }).AssertAgrees();
}
