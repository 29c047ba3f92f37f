using System.Runtime.InteropServices;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// Times the algorithms cuBLASLt offers for a product and takes the fastest that gives the result of the one it advises. Sets of
/// operands take turns, so that none is in the cache from the time before: in a model every layer has its own weights.
/// </summary>
/// <param name="lt">The library on the device.</param>
/// <param name="queue">Where products are queued.</param>
/// <param name="time">Milliseconds of queued work; null for the device's clock.</param>
internal sealed unsafe class ProductTuner(CublasLtHandle lt, CudaQueue queue, Func<Action, float>? time = null)
{
    private const int MaxOffered = 128, Launches = 10, Rounds = 7;
    private const long ComparedBytes = 2 << 20;

    private readonly CudaMemory _memory = new(queue);

    /// <summary>Tunes a product; null where cuBLASLt offers nothing.</summary>
    /// <param name="shape">The product.</param>
    /// <param name="cancellation">Seen between algorithms.</param>
    /// <exception cref="DeviceException">There is not enough memory for the operands, or a launch failed.</exception>
    public TunedProduct? Tune(in ProductShape shape, CancellationToken cancellation)
    {
        using var operands = new OperandSets(this, shape);
        using var plan = Made(shape, operands.Workspace, out var offered);
        if (offered.Length == 0)
            return null;
        var expected = operands.Result(plan, offered[0]);
        var advised = operands.Milliseconds(plan, offered[0]);
        var (best, least) = (offered[0], advised);
        foreach (var candidate in offered.AsSpan(1))
        {
            cancellation.ThrowIfCancellationRequested();
            if (!Agrees(operands.Result(plan, candidate), expected, shape.Output))
                continue;
            var milliseconds = operands.Milliseconds(plan, candidate);
            if (milliseconds < least)
                (best, least) = (candidate, milliseconds);
        }
        return new(shape, best.algo, 1e3 * least, 1e3 * advised);
    }

    /// <summary>Whether two results differ by no more than rounding in another order does. A NaN is no agreement.</summary>
    internal static bool Agrees(ReadOnlySpan<byte> result, ReadOnlySpan<byte> expected, ElementType type)
    {
        double error = 0, norm = 0;
        for (var i = 0; i < result.Length / type.Size(); i++)
        {
            double difference = At(result, i) - At(expected, i);
            error += difference * difference;
            norm += At(expected, i) * At(expected, i);
        }
        var limit = type == ElementType.BF16 ? Math.ScaleB(1, -7) : Math.ScaleB(1, -18);
        return error <= limit * limit * norm;

        double At(ReadOnlySpan<byte> values, int i) => type == ElementType.F32
            ? MemoryMarshal.Cast<byte, float>(values)[i]
            : BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<byte, ushort>(values)[i] << 16);
    }

    private ProductPlan Made(in ProductShape shape, ulong workspace, out cublasLtMatmulHeuristicResult_t[] offered)
    {
        using var _ = lt.Context.Enter();
        var plan = new ProductPlan(lt, shape, workspace, "");
        try
        {
            offered = plan.Offered(MaxOffered, lt.WorkspaceBytes, "");
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    private float OnDevice(Action work)
    {
        using CudaEvent start = new(lt.Context, timed: true), end = new(lt.Context, timed: true);
        start.Record(queue.Stream);
        work();
        end.Record(queue.Stream);
        end.Synchronize();
        return end.MillisecondsSince(start);
    }

    /// <summary>Operands enough to exceed the cache, with numbers in them: zeros run faster than anything real.</summary>
    private sealed class OperandSets : IDisposable
    {
        private readonly ProductTuner _tuner;
        private readonly ProductShape _shape;
        private readonly CudaBuffer _arena;
        private readonly CudaBuffer? _bias, _scales;
        private readonly CudaBuffer _workspace;
        private readonly Product[] _products;
        private readonly long _outputBytes;

        public OperandSets(ProductTuner tuner, in ProductShape shape)
        {
            (_tuner, _shape) = (tuner, shape);
            var size = shape.ElementSize;
            long x = Aligned((long)shape.M * shape.K * size), w = Aligned((long)shape.N * shape.K * size);
            _outputBytes = (long)shape.M * shape.N * shape.Output.Size();
            var y = Aligned(_outputBytes);
            var stride = x + w + y + (shape.Residual ? y : 0);
            _products = new Product[Math.Max(2, 2 * tuner.CacheBytes / stride + 1)];
            _workspace = new(tuner.Context, tuner.WorkspaceBytes, "cuBLASLt's workspace");
            try
            {
                _arena = New(_products.Length * stride, $"operands of {shape}", shape.Element, shape.Fp8);
                _bias = shape.Bias ? New((long)shape.N * shape.Output.Size(), "a bias", shape.Output) : null;
                _scales = shape.Fp8 ? New((long)Math.Max(shape.M, shape.N) * sizeof(float), "scales", ElementType.F32) : null;
                for (var i = 0; i < _products.Length; i++)
                {
                    var begin = _arena.Address + (ulong)(i * stride);
                    _products[i] = new(shape, begin, begin + (ulong)x, begin + (ulong)(x + w), null, shape.Residual ? begin + (ulong)(x + w + y) : 0, _scales?.Address ?? 0, _scales?.Address ?? 0);
                }
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>Address of the workspace.</summary>
        public ulong Workspace => _workspace.Address;

        /// <summary>Both ends of the first set's output, which were poisoned before: ragged last rows are where a wrong tile would show.</summary>
        public byte[] Result(ProductPlan plan, cublasLtMatmulHeuristicResult_t algorithm)
        {
            var memory = _tuner._memory;
            var part = (int)Math.Min(_outputBytes, ComparedBytes);
            long first = (long)(_products[0].Y - _arena.Address), last = first + _outputBytes - part;
            var result = new byte[2 * part];
            result.AsSpan().Fill(0xFF); // NaN in both types
            memory.Upload(result.AsSpan(0, part), _arena, first);
            memory.Upload(result.AsSpan(part), _arena, last);
            Launch(plan, algorithm, 0);
            memory.Download(_arena, first, result.AsSpan(0, part));
            memory.Download(_arena, last, result.AsSpan(part));
            return result;
        }

        /// <summary>Milliseconds of a launch: the median of some rounds of some launches.</summary>
        public float Milliseconds(ProductPlan plan, cublasLtMatmulHeuristicResult_t algorithm)
        {
            void Queue()
            {
                for (var i = 0; i < Launches; i++)
                    Launch(plan, algorithm, i);
            }

            _tuner.Time(Queue); // warm
            var rounds = new float[Rounds];
            for (var i = 0; i < Rounds; i++)
                rounds[i] = _tuner.Time(Queue) / Launches;
            Array.Sort(rounds);
            return rounds[Rounds / 2];
        }

        public void Dispose()
        {
            _arena?.Dispose();
            _bias?.Dispose();
            _scales?.Dispose();
            _workspace.Dispose();
        }

        private static long Aligned(long bytes) => (bytes + 255) / 256 * 256;

        private void Launch(ProductPlan plan, cublasLtMatmulHeuristicResult_t algorithm, int i)
        {
            using var _ = _tuner.Context.Enter();
            plan.Launch(_products[i % _products.Length], _bias?.Address ?? 0, algorithm, _workspace.Address, _tuner.Stream, "");
            _tuner.Context.LastLaunch = LaunchSite.Of(_shape, "");
        }

        private CudaBuffer New(long bytes, string what, ElementType type, bool fp8 = false)
        {
            var buffer = new CudaBuffer(_tuner.Context, bytes, what);
            try
            {
                var numbers = Numbers(type, fp8);
                for (long at = 0; at < bytes; at += numbers.Length)
                    _tuner._memory.Upload(numbers.AsSpan(0, (int)Math.Min(numbers.Length, bytes - at)), buffer, at);
                return buffer;
            }
            catch
            {
                buffer.Dispose();
                throw;
            }
        }

        /// <summary>
        /// Millions of numbers in [-1, 1); a prime number of them, so that their repetition falls in with no row. Two such eight-bit floats are
        /// a small bfloat16 besides, of the residual that lies among them.
        /// </summary>
        private static byte[] Numbers(ElementType type, bool fp8)
        {
            const int Count = 3_999_971;
            var random = new Random(1);
            var bytes = new byte[Count * (fp8 ? sizeof(byte) : type.Size())];
            for (var i = 0; i < Count; i++)
            {
                var value = 2 * random.NextSingle() - 1;
                if (fp8)
                    bytes[i] = E4M3.Byte(value);
                else if (type == ElementType.F32)
                    MemoryMarshal.Write(bytes.AsSpan(i * sizeof(float)), value);
                else
                    MemoryMarshal.Write(bytes.AsSpan(i * sizeof(ushort)), (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
            }
            return bytes;
        }
    }

    private CudaContext Context => lt.Context;

    private nint Stream => queue.Stream.Handle;

    private int WorkspaceBytes => lt.WorkspaceBytes;

    private long CacheBytes => lt.Context.Device.L2Bytes;

    private float Time(Action queue) => time is null ? OnDevice(queue) : time(queue);
}
