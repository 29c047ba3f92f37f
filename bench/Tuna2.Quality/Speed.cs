using System.Diagnostics;
using System.Text.Json.Nodes;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Quality;

/// <summary>A product of the 7B with its weight as stored, in eight bits and in four, in turns: ratios of one run.</summary>
internal static class Speed
{
    private const int N = 18944, K = 3584, Rounds = 7;

    private static readonly Precision[] _precisions = [Precision.BF16, Precision.Int8, Precision.Int4];

    public static void Run(int threads, Report report)
    {
        using var backend = new CpuBackend(threads);
        var weights = _precisions.Select(precision => Make(backend, precision)).ToArray();
        Report.Head("quantizing", "seconds for 1e9 elements, all processors");
        foreach (var precision in _precisions.Where(p => p.IsQuantized()))
        {
            // The numbers are made before the clock runs.
            const int Rows = 2048;
            var tensor = HashedTensor.Of("weight", [Rows, K]);
            var numbers = Enumerable.Range(0, Rows).Select(i => Enumerable.Range(0, K).Select(column => tensor[(long)i * K + column]).ToArray()).ToArray();
            var begin = Stopwatch.GetTimestamp();
            new QuantizedRows(weights[Array.IndexOf(_precisions, precision)], backend).Send(0, Rows, (i, row) => numbers[i].CopyTo(row, 0), (new("weight", DType.BF16, [N, K], 0, "weight"), 0));
            var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds * 1e9 / (Rows * K);
            report.Row(new() { ["row"] = "quality quantizing", ["weights"] = precision.ToString(), ["seconds_per_1e9"] = seconds }, $"{precision}", $"{seconds:0.0}");
        }
        Report.Head($"{N} x {K}, M", "bf16 ms", "int8 ms", "int4 ms", "bf16 by int8", "bf16 by int4");
        foreach (var rows in new[] { 1, 2, 6, 17, 128, 514 })
        {
            using var op = new OpMemory(backend);
            Value x = op.Add("x", rows, K), y = op.Add("y", rows, N);
            var ops = weights.Select(weight => new MatMul("product", x, weight, y)).ToArray();
            var seconds = ops.Select(_ => new double[Rounds]).ToArray();
            var times = rows < 17 ? 10 : 1;
            for (var round = -1; round < Rounds; round++)
                for (var i = 0; i < ops.Length; i++)
                {
                    var begin = Stopwatch.GetTimestamp();
                    for (var j = 0; j < times; j++)
                        backend.Run(ops[i], new Batch(), op);
                    if (round >= 0)
                        seconds[i][round] = Stopwatch.GetElapsedTime(begin).TotalMilliseconds / times;
                }
            double[] median = [.. seconds.Select(s => s.Order().ElementAt(Rounds / 2))], by8 = Ratios(1), by4 = Ratios(2);
            report.Row(
                new()
                {
                    ["row"] = "quality speed", ["n"] = N, ["k"] = K, ["m"] = rows, ["bf16_ms"] = median[0], ["int8_ms"] = median[1], ["int4_ms"] = median[2], ["rounds"] = Rounds,
                    ["int8_ratio"] = by8[1], ["int8_ratio_low"] = by8[0], ["int8_ratio_high"] = by8[2], ["int4_ratio"] = by4[1], ["int4_ratio_low"] = by4[0], ["int4_ratio_high"] = by4[2],
                },
                $"{rows}", $"{median[0]:0.00}", $"{median[1]:0.00}", $"{median[2]:0.00}", $"{by8[1]:0.00} ({by8[0]:0.00} to {by8[2]:0.00})", $"{by4[1]:0.00} ({by4[0]:0.00} to {by4[2]:0.00})");

            double[] Ratios(int i)
            {
                var ratios = seconds[0].Zip(seconds[i], (stored, quantized) => stored / quantized).Order().ToArray();
                return [ratios[0], ratios[Rounds / 2], ratios[^1]];
            }
        }
        foreach (var weight in weights)
            weight.Buffer.Dispose();
    }

    private static Weight Make(CpuBackend backend, Precision precision)
    {
        var tensor = HashedTensor.Of("weight", [N, K]);
        var rowBytes = precision.RowBytes(K);
        var group = precision.ScaleColumns(K);
        var scales = precision.IsQuantized() ? (K + group - 1) / group * precision.ScaleBytes() : 0;
        var buffer = backend.Allocate(N * (rowBytes + scales), "weight");
        var weight = new Weight(["weight"], N, K, precision, buffer, 0) { Scales = precision.IsQuantized() ? new(buffer, N * rowBytes, group) : null };
        if (precision.IsQuantized())
            new QuantizedRows(weight, backend).Send(0, N, (i, row) =>
            {
                for (var column = 0; column < row.Length; column++)
                    row[column] = tensor[(long)i * K + column];
            }, (new("weight", DType.BF16, [N, K], 0, "weight"), 0));
        else
            ((IBackend)backend).Fill(tensor, weight.Count, precision, buffer, 0);
        return weight;
    }

    /// <summary>Values of one op.</summary>
    private sealed class OpMemory(CpuBackend backend) : IMemoryMap, IDisposable
    {
        private readonly Dictionary<Value, IDeviceBuffer> _values = [];

        public Value Add(string name, int rows, int columns)
        {
            var value = new Value(name, new Extent("rows", rows), columns, Storage.State);
            var buffer = backend.Allocate(value.MaxBytes(sizeof(float)), name);
            _values.Add(value, buffer);
            ((IBackend)backend).Fill(HashedTensor.Of(name, [rows, columns]), (long)rows * columns, Precision.F32, buffer, 0);
            return value;
        }

        public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => (_values[value], 0);

        public void Dispose()
        {
            foreach (var buffer in _values.Values)
                buffer.Dispose();
        }
    }
}
