using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/rms_norm.cu in the host runner, against float64 and the CPU backend.</summary>
public class RmsNormHostTests
{
    private const float Epsilon = 1e-6f;
    private const int Times = 2;

    private static readonly HostRunner Runner = new();

    /// <summary>What a launch asks for beyond the norm.</summary>
    public enum Form
    {
        Plain,

        /// <summary>Modulation, in rows of two spans and of text between them.</summary>
        Modulated,
    }

    [Test]
    public void Agrees_with_float64_and_the_CPU(
        [Values] ElementType element, [Values(1, 17, 19)] int rows, [Values(256, 3584)] int dim, [Values] Form form) =>
        Check(element, rows, dim, form);

    [Test]
    public void Agrees_with_float64_in_many_rows([Values] ElementType element) => Check(element, 989, 256, Form.Modulated);

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element, [Values] Form form)
    {
        using var operands = new Operands(element, 3, 264, form);
        SanitizedRunner.Launch(new RmsNorm(element, 3), operands.Args, operands.Buffers);
    }

    private static void Check(ElementType element, int rows, int dim, Form form)
    {
        using var operands = new Operands(element, rows, dim, form);
        var output = Output(operands, element);
        output.Check();
        if (element == ElementType.F32)
            KernelOutput.Against("the CPU backend", output.Actual, operands.Cpu(), dim).Check();
    }

    internal static KernelOutput Sample(ElementType element)
    {
        using var operands = new Operands(element, 17, 256, Form.Modulated);
        return Output(operands, element);
    }

    private static KernelOutput Output(Operands operands, ElementType element)
    {
        var dim = operands.Args.Dim;
        Runner.LaunchChecked(new RmsNorm(element, operands.H.Bytes / element.Size() / dim), operands.Args, operands.Buffers);
        return new("y", element.Read(operands.Y), operands.Reference(x => element.Round(x)), operands.Reference(x => x), dim, element.Noise());
    }

    /// <summary>A launch's operands, and what they must come to.</summary>
    private sealed class Operands : IDisposable
    {
        private readonly int _rows;
        private readonly int _dim;
        private readonly Form _form;
        private readonly float[] _h;
        private readonly float[] _weight;
        private readonly float[] _table;
        private readonly int[] _rowSequence;
        private readonly SequenceEntry[] _sequences = [new() { ModRow = 1 }, new() { ModRow = -1 }, new() { ModRow = 0 }];

        public Operands(ElementType element, int rows, int dim, Form form)
        {
            (_rows, _dim, _form) = (rows, dim, form);
            var random = new Random(rows * 7919 + dim);
            _h = element.Random(random, rows * dim, scale: 3, mean: 0.5);
            _weight = ElementType.F32.Random(random, dim, scale: 0.2, mean: 1);
            _table = ElementType.F32.Random(random, Times * TableColumns, scale: 0.5);
            _rowSequence = [.. Enumerable.Range(0, rows).Select(r => r * 3 / rows)];

            H = element.Input("h", _h);
            Y = element.Output("y", rows * dim);
            var weight = HostBuffer.Input<float>("weight", _weight);
            var table = HostBuffer.Input<float>("table", _table);
            var sequences = HostBuffer.Input<SequenceEntry>("sequences", _sequences);
            var rowSequence = HostBuffer.Input<int>("row_sequence", _rowSequence);
            Buffers = [H, Y, weight, table, sequences, rowSequence];
            Args = new RmsNormArgs
            {
                H = H.Address,
                Y = Y.Address,
                Weight = weight.Address,
                Table = form == Form.Modulated ? table.Address : 0,
                Sequences = sequences.Address,
                RowSequence = rowSequence.Address,
                Dim = dim,
                TableColumns = TableColumns,
                Shift = ShiftColumn,
                Scale = ScaleColumn,
                Epsilon = Epsilon,
            };
        }

        public RmsNormArgs Args { get; }

        public HostBuffer H { get; }

        public HostBuffer Y { get; }

        public HostBuffer[] Buffers { get; }

        // The two vectors lie in the table in another order than they are used in, among others of somebody else's.
        private int ShiftColumn => _dim;

        private int ScaleColumn => 3 * _dim;

        private int TableColumns => 4 * _dim;

        /// <summary>In float64, rounding by <paramref name="round"/> where the kernel's header says it rounds.</summary>
        public float[] Reference(Func<double, double> round)
        {
            var y = new float[_rows * _dim];
            for (var r = 0; r < _rows; r++)
            {
                var mod = _form == Form.Modulated ? _sequences[_rowSequence[r]].ModRow : -1;
                double Vector(int first, int c) => mod < 0 ? 0 : _table[mod * TableColumns + first + c];

                double squares = 0;
                for (var c = 0; c < _dim; c++)
                    squares += (double)_h[r * _dim + c] * _h[r * _dim + c];
                var inverse = 1 / Math.Sqrt(squares / _dim + Epsilon);
                for (var c = 0; c < _dim; c++)
                    y[r * _dim + c] = (float)round(_weight[c] * _h[r * _dim + c] * inverse * (1 + Vector(ScaleColumn, c)) + Vector(ShiftColumn, c));
            }
            return y;
        }

        /// <summary>The CPU backend's norm and modulation.</summary>
        public float[] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            Value x = rig.Value("h", _rows, _dim, _h), y = rig.Value("y", _rows, _dim), table = rig.Value("table", Times, TableColumns, _table);
            Modulation? Vector(int first) => _form == Form.Modulated ? new Modulation(table, first / _dim) : null;
            var sequences = Enumerable.Range(0, _rows).GroupBy(r => _rowSequence[r])
                .Select(rows => new Sequence(rows.First(), rows.Count(), 0, 0, 0, _sequences[rows.Key].ModRow, null));
            rig.Run(new Ops.RmsNorm("norm", x, rig.Vector(_weight), Epsilon, y, Vector(ShiftColumn), Vector(ScaleColumn)), new Batch { Sequences = [.. sequences] });
            return rig.Read(y);
        }

        public void Dispose()
        {
            foreach (var buffer in Buffers)
                buffer.Dispose();
        }
    }
}
