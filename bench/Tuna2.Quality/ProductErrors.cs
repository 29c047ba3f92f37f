using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Tuna2.Engine;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Quality;

/// <summary>
/// Every product of pictures and an answer, run a second time with its weight quantized and nothing else changed: how far its own output is off,
/// relative (Frobenius) to x w^T as stored.
/// </summary>
internal static class ProductErrors
{
    private static readonly Precision[] _precisions = [Precision.Int8, Precision.Int4, Precision.Fp8];

    public static async Task RunAsync(string directory, int threads, int seeds, Report report)
    {
        var backend = new Watching(new CpuBackend(threads));
        using var model = await TunaModel.LoadAsync(ModelFiles.Of(directory), () => new(backend), null, default).ConfigureAwait(false);
        using var session = model.CreateSession();
        RgbImage? last = null;
        for (var seed = 0; seed < seeds; seed++)
            last = (await session.GenerateAsync("a large red circle on a blue background", new ImageOptions { Seed = seed }).ConfigureAwait(false))[0].Image;
        await foreach (var _ in session.AskAsync(last!, "What color is the circle?").ConfigureAwait(false))
        {
        }
        Report.Head("product", "(out, in)", "int8", "int4", "fp8");
        foreach (var (name, weight, errors) in backend.Found)
            report.Row(
                new() { ["row"] = "quality product", ["product"] = name, ["out"] = weight.Rows, ["in"] = weight.Columns, ["int8_relative"] = errors[0], ["int4_relative"] = errors[1], ["fp8_relative"] = errors[2] },
                $"{name}", $"({weight.Rows}, {weight.Columns})", $"{errors[0]:0.0000}", $"{errors[1]:0.0000}", $"{errors[2]:0.0000}");
    }

    /// <summary>The CPU backend, which looks twice at products.</summary>
    private sealed class Watching(CpuBackend cpu) : IBackend, IMemoryMap
    {
        private readonly Dictionary<string, Watched> _watched = [];
        private readonly Dictionary<Value, IDeviceBuffer> _scratch = [];
        private IMemoryMap? _map;

        public string Name => cpu.Name;

        public IEnumerable<(string Name, Weight Weight, double[] Errors)> Found => _watched.Select(w => (w.Key, w.Value.Weight, w.Value.Errors));

        public IDeviceBuffer Allocate(long bytes, string what) => cpu.Allocate(bytes, what);

        public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => cpu.Upload(source, destination, offset);

        public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => cpu.Download(source, offset, destination);

        public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => new ImmediateProgram(plan, bounds, (op, batch) =>
        {
            if (op is MatMul product && product.Input.Rows.Value > 0)
                Watch(product, batch, memory);
            cpu.Run(op, batch, memory);
        });

        public (IDeviceBuffer Buffer, long Offset) Locate(Value value) => _scratch.TryGetValue(value, out var buffer) ? (buffer, 0) : _map!.Locate(value);

        public void Dispose()
        {
            foreach (var watched in _watched.Values)
                watched.Dispose();
            cpu.Dispose();
        }

        private void Watch(MatMul product, Batch batch, IMemoryMap memory)
        {
            _map = memory;
            if (!_watched.TryGetValue(product.Name, out var watched))
                _watched[product.Name] = watched = new(product.Weight, [.. _precisions.Select(precision => Quantized(product.Weight, precision))]);
            var exact = Run(product.Weight);
            for (var i = 0; i < watched.Quantized.Length; i++)
                watched.Add(i, exact, Run(watched.Quantized[i]));

            float[] Run(Weight weight)
            {
                var output = new Value("output", new Extent("rows", product.Input.Rows.Value), weight.Rows, Storage.State);
                using var buffer = cpu.Allocate(output.MaxBytes(sizeof(float)), output.Name);
                _scratch[output] = buffer;
                var again = new MatMul(product.Name, product.Input, weight, output);
                using var rounded = again.Rounded is null ? null : _scratch[again.Rounded] = cpu.Allocate(again.Rounded.MaxBytes(sizeof(float)), again.Rounded.Name);
                cpu.Run(again, batch, this);
                _scratch.Clear();
                var values = new float[buffer.Bytes / sizeof(float)];
                cpu.Download(buffer, 0, MemoryMarshal.AsBytes(values.AsSpan()));
                return values;
            }
        }

        private Weight Quantized(Weight stored, Precision precision)
        {
            var bytes = new byte[stored.Bytes];
            cpu.Download(stored.Buffer, stored.Offset, bytes);
            var type = stored.Precision == Precision.BF16 ? DType.BF16 : DType.F32;
            var quantizer = new RowQuantizer(precision, stored.Columns);
            long elements = (long)stored.Rows * quantizer.ElementBytes;
            var buffer = cpu.Allocate(elements + (long)stored.Rows * quantizer.ScaleBytes, stored.ToString());
            var row = new float[stored.Columns];
            byte[] rowElements = new byte[quantizer.ElementBytes], rowScales = new byte[quantizer.ScaleBytes];
            for (var i = 0; i < stored.Rows; i++)
            {
                var size = (int)stored.Precision.RowBytes(stored.Columns);
                FloatConversion.Widen(type, bytes.AsSpan(i * size, size), row);
                quantizer.Quantize(row, rowElements, rowScales);
                cpu.Upload(rowElements, buffer, (long)i * rowElements.Length);
                cpu.Upload(rowScales, buffer, elements + (long)i * rowScales.Length);
            }
            return new(stored.Names, stored.Rows, stored.Columns, precision, buffer, 0) { Scales = new(buffer, elements, precision.ScaleColumns(stored.Columns)) };
        }
    }

    /// <summary>A product's weight in every precision, and what came of them.</summary>
    private sealed class Watched(Weight weight, Weight[] quantized) : IDisposable
    {
        private readonly double[] _squares = new double[quantized.Length];
        private readonly double[] _off = new double[quantized.Length];

        public Weight Weight => weight;

        public Weight[] Quantized => quantized;

        public double[] Errors => [.. _off.Zip(_squares, (off, all) => Math.Sqrt(off / all))];

        public void Add(int i, float[] exact, float[] actual)
        {
            for (var j = 0; j < exact.Length; j++)
            {
                double difference = (double)actual[j] - exact[j];
                (_squares[i], _off[i]) = (_squares[i] + (double)exact[j] * exact[j], _off[i] + difference * difference);
            }
        }

        public void Dispose()
        {
            foreach (var w in quantized)
                w.Buffer.Dispose();
        }
    }
}
