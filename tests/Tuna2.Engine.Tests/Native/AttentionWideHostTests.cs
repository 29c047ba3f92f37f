using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/attention_wide.cu in the host runner, against float64 and the CPU backend.</summary>
public class AttentionWideHostTests
{
    private static readonly HostRunner Runner = new();

    /// <summary>Rows of a frame below, at and beyond a block of keys; heads that end within a step of columns, and the VAE's.</summary>
    [TestCase(1, 1, 64)]
    [TestCase(2, 15, 64)]
    [TestCase(1, 64, 32)]
    [TestCase(3, 67, 76)]
    [TestCase(1, 33, 640)]
    [TestCase(1, 20, 1024)]
    public void Agrees_with_float64_and_the_CPU(int frames, int rows, int dim) => Check(frames, rows, dim);

    [TestCase(AttentionContent.Large)]
    [TestCase(AttentionContent.Dominated)]
    public void Scores_far_apart_do_not_overflow(AttentionContent content) => Check(1, 150, 64, content);

    [TestCase(2, 5, 36)]
    [TestCase(1, 70, 1024)]
    public void Stays_in_its_buffers(int frames, int rows, int dim)
    {
        using var operands = Operands(frames, rows, dim);
        SanitizedRunner.Launch(new AttentionWide(frames), Args(operands), operands.Qkv, operands.Keys, operands.Values, operands.Y);
    }

    [TestCase(66)]
    [TestCase(1028)]
    public void Rows_that_do_not_fit_are_refused(int dim) =>
        Assert.That(() => new AttentionWide(1).Shape(new() { Rows = 1, Dim = dim }), Throws.ArgumentException);

    internal static HostResult Launch(int dim)
    {
        using var operands = Operands(2, 5, dim);
        return Launch(operands);
    }

    private static void Check(int frames, int rows, int dim, AttentionContent content = AttentionContent.Ordinary)
    {
        using var operands = Operands(frames, rows, dim, content);
        var result = Launch(operands);
        result.AssertAgrees();
        result.AssertAgreesWith(operands.OnCpu(operands.Sequences[0].Span));
    }

    private static HostResult Launch(AttentionOperands operands)
    {
        Runner.LaunchChecked(new AttentionWide(operands.Sequences.Length), Args(operands), operands.Qkv, operands.Keys, operands.Values, operands.Y);
        return operands.Result(roundWeights: false);
    }

    /// <summary>Frames as pictures that attend to themselves, one behind the other.</summary>
    private static AttentionOperands Operands(int frames, int rows, int dim, AttentionContent content = AttentionContent.Ordinary) =>
        new(ElementType.F32, new AttentionShape(1, 1, dim), [.. Enumerable.Range(0, frames).Select(i => Sequence.Picture(i, new Grid(1, 1, rows)))], content);

    private static AttentionWideArgs Args(AttentionOperands o) => new()
    {
        Queries = o.Qkv.Address, Keys = o.Keys.Address, Values = o.Values.Address, Y = o.Y.Address,
        RowColumns = o.Shape.QkvColumns, Rows = o.Sequences[0].QLen, Dim = o.Shape.HeadDim, Scale = o.Scale,
    };
}
