using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using QkvToCacheOp = Tuna2.Engine.Graph.Ops.QkvToCache;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/kv_to_cache.cu in the host runner, to the bit, and against the CPU backend's op.</summary>
public class KvToCacheHostTests
{
    private static readonly HostRunner Runner = new();

    [TestCase(1, 2, 72)]
    [TestCase(19, 16, 72)]
    [TestCase(12, 1, 640)]
    [TestCase(989, 1, 4)]
    public void Keys_and_values_go_into_rows_of_their_number(int rows, int heads, int dim)
    {
        using var operands = new Operands(rows, new(heads, heads, dim));
        var outputs = operands.Launch();
        foreach (var output in outputs)
            output.Check();
        foreach (var (output, cpu) in outputs.Zip(operands.Cpu()))
            Assert.That(output.Actual, Is.EqualTo(cpu), $"{output.Name}, the CPU backend");
    }

    [Test]
    public void Stays_in_its_buffers()
    {
        using var operands = new Operands(5, new(2, 2, 72));
        SanitizedRunner.Launch(operands.Kernel, operands.Args, operands.Buffers);
    }

    [Test]
    public void Broken_words_are_refused() => Assert.That(() => ElementType.BF16.Words(12), Throws.ArgumentException);

    internal static KernelOutput Sample(string name)
    {
        using var operands = new Operands(17, new(2, 2, 72));
        return operands.Launch().First(o => o.Name == name);
    }

    private sealed class Operands : IDisposable
    {
        private readonly int _rows;
        private readonly AttentionShape _shape;
        private readonly float[] _qkv;
        private readonly HostBuffer _keys;
        private readonly HostBuffer _values;

        public Operands(int rows, AttentionShape shape)
        {
            (_rows, _shape) = (rows, shape);
            _qkv = ElementType.F32.Random(new Random(rows), rows * shape.QkvColumns);
            var qkv = HostBuffer.Input<float>("qkv", _qkv);
            _keys = HostBuffer.Output<float>("keys", rows * shape.KvColumns);
            _values = HostBuffer.Output<float>("values", rows * shape.KvColumns);
            Buffers = [qkv, _keys, _values];
            Args = new KvToCacheArgs
            {
                Qkv = qkv.Address, Keys = _keys.Address, Values = _values.Address,
                RowWords = ElementType.F32.Words(shape.QkvColumns), KvWords = ElementType.F32.Words(shape.KvColumns),
            };
        }

        public KvToCache Kernel => new(_rows);

        public KvToCacheArgs Args { get; }

        public HostBuffer[] Buffers { get; }

        public KernelOutput[] Launch()
        {
            Runner.LaunchChecked(Kernel, Args, Buffers);
            return
            [
                KernelOutput.Copied("keys", _keys.As<float>().ToArray(), Columns(_shape.QueryColumns), _shape.KvColumns),
                KernelOutput.Copied("values", _values.As<float>().ToArray(), Columns(_shape.QueryColumns + _shape.KvColumns), _shape.KvColumns),
            ];
        }

        public float[][] Cpu()
        {
            using var rig = new CpuRig(KernelOutput.Cpu);
            Value keys = rig.Value("keys", _rows, _shape.KvColumns), values = rig.Value("values", _rows, _shape.KvColumns);
            rig.Run(new QkvToCacheOp("split", rig.Value("qkv", _rows, _shape.QkvColumns, _qkv), _shape, null, null, null, 0, keys, values, new Grid(1, 1, _rows)), new Batch());
            return [rig.Read(keys), rig.Read(values)];
        }

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());

        private float[] Columns(int first) => [.. Enumerable.Range(0, _rows).SelectMany(row => _qkv.AsSpan(row * _shape.QkvColumns + first, _shape.KvColumns).ToArray())];
    }
}
