using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/embedding_gather.cu in the host runner.</summary>
public class EmbeddingGatherHostTests
{
    private static readonly HostRunner Runner = new();

    [TestCase(1, 3584, 5)]
    [TestCase(17, 1536, 300)]
    [TestCase(19, 72, 1)]
    [TestCase(989, 16, 31)]
    public void Rows_are_the_tables_and_those_without_a_token_stay(int rows, int dim, int vocabulary)
    {
        foreach (var element in Enum.GetValues<ElementType>())
        {
            using var operands = new Operands(element, rows, dim, vocabulary);
            Runner.LaunchChecked(new EmbeddingGather(element, rows), operands.Args, operands.Buffers);
            Assert.That(element.Read(operands.Y), Is.EqualTo(operands.Expected));
            if (element == ElementType.F32)
                Assert.That(operands.Cpu(), Is.EqualTo(operands.Expected), "the CPU backend");
        }
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var operands = new Operands(element, 3, 24, 2);
        SanitizedRunner.Launch(new EmbeddingGather(element, 3), operands.Args, operands.Buffers);
    }

    [TestCase(ElementType.BF16, 12)]
    [TestCase(ElementType.F32, 6)]
    public void Rows_of_broken_vectors_are_refused(ElementType element, int dim) =>
        Assert.That(() => new EmbeddingGather(element, 1).Shape(new() { Dim = dim }), Throws.ArgumentException);

    internal static KernelOutput Sample(ElementType element)
    {
        using var operands = new Operands(element, 17, 64, 300);
        Runner.LaunchChecked(new EmbeddingGather(element, 17), operands.Args, operands.Buffers);
        return KernelOutput.Copied("y", element.Read(operands.Y), operands.Expected, 64);
    }

    private sealed class Operands : IDisposable
    {
        private readonly int _dim;
        private readonly int _vocabulary;
        private readonly int[] _tokens;
        private readonly float[] _table;
        private readonly float[] _before;

        public Operands(ElementType element, int rows, int dim, int vocabulary)
        {
            (_dim, _vocabulary) = (dim, vocabulary);
            var random = new Random(rows);
            _table = element.Random(random, vocabulary * dim);
            _before = element.Random(random, rows * dim);
            // The first and the last of the table, and every fourth row without a token.
            _tokens = [.. Enumerable.Range(0, rows).Select(r => r % 4 == 3 ? -1 : r % 4 == 0 ? vocabulary - 1 : r % 4 == 1 ? 0 : random.Next(vocabulary))];
            Expected = [.. _before];
            for (var r = 0; r < rows; r++)
                if (_tokens[r] >= 0)
                    _table.AsSpan(_tokens[r] * dim, dim).CopyTo(Expected.AsSpan(r * dim));

            var tokens = HostBuffer.Input<int>("tokens", _tokens);
            var table = element.Input("table", _table);
            Y = element.Updated("y", _before);
            Buffers = [tokens, table, Y];
            Args = new EmbeddingGatherArgs { Tokens = tokens.Address, Table = table.Address, Y = Y.Address, Dim = dim };
        }

        public EmbeddingGatherArgs Args { get; }

        public HostBuffer Y { get; }

        public float[] Expected { get; }

        public HostBuffer[] Buffers { get; }

        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            var y = rig.Value("y", _tokens.Length, _dim, _before);
            rig.Run(new Ops.EmbeddingGather("embed", rig.Weight(_vocabulary, _dim, Precision.F32, _table), y), new Batch { Tokens = _tokens });
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());
    }
}
