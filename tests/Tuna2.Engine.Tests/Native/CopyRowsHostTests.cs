using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/copy_rows.cu in the host runner.</summary>
public class CopyRowsHostTests
{
    private const int FloatsPerWord = 4;

    private static readonly HostRunner Runner = new();

    [TestCase(1, 896)]
    [TestCase(17, 129)]
    [TestCase(19, 128)]
    [TestCase(989, 3)]
    public void Rows_go_where_their_pair_says_and_others_stay(int count, int words)
    {
        using var operands = new Operands(count, words);
        Runner.LaunchChecked(new CopyRows(count), operands.Args, operands.Buffers);
        Assert.That(operands.Y.As<float>().ToArray(), Is.EqualTo(operands.Expected));
        Assert.That(operands.Cpu(), Is.EqualTo(operands.Expected), "the CPU backend");
    }

    /// <summary>As pictures' patches go into their spans: runs of rows, the second before the first.</summary>
    [Test]
    public void A_pair_stands_for_its_neighbours()
    {
        const int perPicture = 6, rows = 20, columns = 12;
        var random = new Random(1);
        float[] x = ElementType.F32.Random(random, 2 * perPicture * columns), before = ElementType.F32.Random(random, rows * columns);
        RowPair[] pairs = [new(0, 13), new(perPicture, 2)];
        using var table = HostBuffer.Input<RowPair>("pairs", pairs);
        using var source = HostBuffer.Input<float>("x", x);
        using var y = HostBuffer.Updated<float>("y", before);
        var args = new CopyRowsArgs { Pairs = table.Address, X = source.Address, Y = y.Address, Words = columns / FloatsPerWord, Rows = perPicture };
        Runner.LaunchChecked(new CopyRows(pairs.Length), args, table, source, y);

        using var rig = new CpuRig(KernelOutput.Cpu);
        var output = rig.Value("y", rows, columns, before);
        rig.Run(new Ops.PlacePatches("place", rig.Value("x", 2 * perPicture, columns, x), perPicture, output), new Batch { Patches = [.. pairs.Select(p => new PatchPlacement(0, p.To))] });
        Assert.That(y.As<float>().ToArray(), Is.EqualTo(rig.Read(output)));
        Assert.That(y.As<float>().ToArray(), Is.Not.EqualTo(before));
    }

    /// <summary>As kept prefixes go before their spans' keys, branch by branch.</summary>
    [Test]
    public void Prefixes_go_where_their_sequences_keys_begin()
    {
        const int perSequence = 5, rows = 24, columns = 8;
        var random = new Random(2);
        float[] x = ElementType.F32.Random(random, 2 * perSequence * columns), before = ElementType.F32.Random(random, rows * columns);
        using var table = HostBuffer.Input<RowPair>("pairs", [new(0, 0), new(perSequence, 12)]);
        using var source = HostBuffer.Input<float>("x", x);
        using var y = HostBuffer.Updated<float>("y", before);
        Runner.LaunchChecked(new CopyRows(2), new CopyRowsArgs { Pairs = table.Address, X = source.Address, Y = y.Address, Words = columns / FloatsPerWord, Rows = perSequence }, table, source, y);

        using var rig = new CpuRig(KernelOutput.Cpu);
        var output = rig.Value("y", rows, columns, before);
        rig.Run(new Ops.RecallPrefix("keys", rig.Value("kept", 2 * perSequence, columns, x), perSequence, output), new Batch { Sequences = [new(0, 2, 0, perSequence, perSequence, -1, null), new(2, 2, 12, perSequence, perSequence, -1, null)], Prefixes = [0, 1] });
        Assert.That(y.As<float>().ToArray(), Is.EqualTo(rig.Read(output)));
        Assert.That(y.As<float>().ToArray(), Is.Not.EqualTo(before));
    }

    [Test]
    public void A_pair_of_no_rows_is_refused() => Assert.That(() => new CopyRows(1).Shape(new() { Words = 1 }), Throws.ArgumentException);

    [Test]
    public void Stays_in_its_buffers()
    {
        using var operands = new Operands(3, 5);
        SanitizedRunner.Launch(new CopyRows(3), operands.Args, operands.Buffers);
    }

    internal static KernelOutput Sample()
    {
        using var operands = new Operands(17, 10);
        Runner.LaunchChecked(new CopyRows(17), operands.Args, operands.Buffers);
        return KernelOutput.Copied("y", operands.Y.As<float>().ToArray(), operands.Expected, 40);
    }

    private sealed class Operands : IDisposable
    {
        private readonly int _rows;
        private readonly int _columns;
        private readonly RowPair[] _pairs;
        private readonly float[] _x;
        private readonly float[] _before;

        /// <summary>Pairs in no order, some from the same row, into every second row or so of a taller matrix.</summary>
        public Operands(int count, int words)
        {
            (_rows, _columns) = (2 * count + 1, words * FloatsPerWord);
            var random = new Random(count);
            _x = ElementType.F32.Random(random, _rows * _columns);
            _before = ElementType.F32.Random(random, _rows * _columns);
            int[] to = [.. Enumerable.Range(0, _rows)];
            random.Shuffle(to);
            _pairs = [.. Enumerable.Range(0, count).Select(i => new RowPair(i == 0 ? _rows - 1 : random.Next(_rows), to[i]))];
            Expected = [.. _before];
            foreach (var pair in _pairs)
                _x.AsSpan(pair.From * _columns, _columns).CopyTo(Expected.AsSpan(pair.To * _columns));

            var pairs = HostBuffer.Input<RowPair>("pairs", _pairs);
            var x = HostBuffer.Input<float>("x", _x);
            Y = HostBuffer.Updated<float>("y", _before);
            Buffers = [pairs, x, Y];
            Args = new CopyRowsArgs { Pairs = pairs.Address, X = x.Address, Y = Y.Address, Words = words, Rows = 1 };
        }

        public CopyRowsArgs Args { get; }

        public HostBuffer Y { get; }

        public float[] Expected { get; }

        public HostBuffer[] Buffers { get; }

        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            Value x = rig.Value("x", _rows, _columns, _x), y = rig.Value("y", _rows, _columns, _before);
            rig.Run(new Ops.PlaceTime("time_embed", x, y), new Batch { Times = [.. _pairs.Select(p => new TimePlacement(p.From, p.To))] });
            return rig.Read(y);
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());
    }
}
