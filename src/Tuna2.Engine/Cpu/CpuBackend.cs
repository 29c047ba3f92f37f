using System.Runtime.Intrinsics;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// Every op on the processor, in float32 from bfloat16 or float32 weights: the embedded default, and the second opinion the
/// CUDA kernels are checked against. Safe for several sessions at once.
/// </summary>
public sealed class CpuBackend : IBackend
{
    /// <summary>The most threads a backend starts.</summary>
    public const int MaxThreads = 1024;

    private readonly CpuThreads _threads;
    private readonly bool _checkMemory;
    private readonly SimdLevel _simd;

    /// <summary>A backend with its own threads.</summary>
    /// <param name="threads">Threads that compute, the caller's included, at most <see cref="MaxThreads"/>; 0 for one per processor.</param>
    /// <param name="simd">Vector width.</param>
    /// <param name="checkMemory">Whether to refuse what the machine's memory cannot hold; false takes it and lets the system decide.</param>
    /// <exception cref="RequestException">A number of threads that is negative or absurd.</exception>
    public CpuBackend(int threads = 0, SimdLevel simd = SimdLevel.Auto, bool checkMemory = true)
    {
        if (threads is < 0 or > MaxThreads)
            throw new RequestException($"threads must be 1 to {MaxThreads}, or 0 for one per processor, not {threads}");
        _simd = simd.Resolve();
        _checkMemory = checkMemory;
        _threads = new CpuThreads(threads == 0 ? Math.Min(Environment.ProcessorCount, MaxThreads) : threads);
    }

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <summary>The vector width in use.</summary>
    public SimdLevel Simd => _simd;

    /// <summary>Threads in use.</summary>
    public int Threads => _threads.Count;

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes, string what) => new CpuBuffer(bytes, what);

    /// <inheritdoc/>
    public long? AvailableBytes => _checkMemory ? SystemMemory.AvailableBytes : null;

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) =>
        source.CopyTo(((CpuBuffer)destination).Slice(offset, source.Length));

    /// <inheritdoc/>
    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) =>
        ((CpuBuffer)source).Slice(offset, destination.Length).CopyTo(destination);

    /// <inheritdoc/>
    public unsafe void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes)
    {
        CpuBuffer from = (CpuBuffer)source, to = (CpuBuffer)destination;
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfNegative(sourceOffset);
        ArgumentOutOfRangeException.ThrowIfNegative(destinationOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, from.Bytes - sourceOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, to.Bytes - destinationOffset);
        Buffer.MemoryCopy(from.Pointer + sourceOffset, to.Pointer + destinationOffset, bytes, bytes);
    }

    /// <inheritdoc/>
    public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => new ImmediateProgram(plan, bounds, (op, batch) => Run(op, batch, memory));

    /// <summary>Runs one op. <paramref name="memory"/> says where its values are.</summary>
    public void Run(Op op, Batch batch, IMemoryMap memory)
    {
        var context = new CpuContext(batch, memory, _threads);
        switch (_simd)
        {
            case SimdLevel.Scalar: Run<ScalarSimd, float>(op, context); break;
            case SimdLevel.Vector128: Run<Simd128, Vector128<float>>(op, context); break;
            case SimdLevel.Avx2: Run<Simd256, Vector256<float>>(op, context); break;
            default: Run<Simd512, Vector512<float>>(op, context); break;
        }
    }

    /// <inheritdoc/>
    public bool FusesSwiGlu(MatMul product) => true;

    /// <summary>Working memory that running a plan takes beside what is allocated for it: rows packed for products, and each thread's own.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="threads">Threads that work.</param>
    /// <param name="simd">Vector width.</param>
    internal static long ScratchBytes(Plan plan, int threads, SimdLevel simd = SimdLevel.Auto)
    {
        var vector = simd.Resolve() switch { SimdLevel.Scalar => ScalarSimd.Width, SimdLevel.Vector128 => Simd128.Width, SimdLevel.Avx2 => Simd256.Width, _ => Simd512.Width };
        return (long)threads * CpuThreads.ScratchBytes + plan.Graph.Ops.Select(op => op switch
        {
            Conv3d o => CpuMatMul.PackedBytes(o.OutputSize.Count, o.Weight.Rows, o.Weight.Columns, 1, vector, threads),
            MatMul o => Product(o.Input.Rows.Max, o.Output.Columns, o.Input.Columns, o.Activation.Products()),
            Patchify o => Product(o.Gathered.Rows.Max, o.Weight.Rows, o.Gathered.Columns),
            PatchEmbedding o => Product(o.Gathered.Rows.Max, o.Weight.Rows, o.Gathered.Columns),
            _ => 0,
        }).DefaultIfEmpty(0).Max();

        long Product(int rows, int n, int k, int products = 1) => rows <= CpuTile.MaxRows ? 0 : CpuMatMul.PackedBytes(rows, n, k, products, vector, threads);
    }

    /// <inheritdoc/>
    public void Dispose() => _threads.Dispose();

    private static void Run<S, V>(Op op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        switch (op)
        {
            case EmbeddingGather o: CpuEmbeddingGather.Run<S, V>(o, context); break;
            case Patchify o: CpuPatchify.Run<S, V>(o, context); break;
            case PlaceTime o: CpuCopyRows.Run(o, context); break;
            case SampleToken o: CpuSampleToken.Run(o, context); break;
            case PickRows o: CpuCopyRows.Run(o, context); break;
            case PlacePatches o: CpuCopyRows.Run(o, context); break;
            case RecallPrefix o: CpuCopyRows.Run(o, context); break;
            case PatchEmbedding o: CpuPatchEmbedding.Run<S, V>(o, context); break;
            case Conv3d o: CpuConv3d.Run<S, V>(o, context); break;
            case ChannelNorm o: CpuChannelNorm.Run<S, V>(o, context); break;
            case KeepFrames o: CpuFrames.Run(o, context); break;
            case UpsampleNearest o: CpuFrames.Run(o, context); break;
            case InterleaveFrames o: CpuFrames.Run(o, context); break;
            case SpaceToDepth o: CpuFrames.Run(o, context); break;
            case DepthToSpace o: CpuFrames.Run(o, context); break;
            case AverageDown o: CpuShortcuts.Run(o, context); break;
            case DuplicateUp o: CpuShortcuts.Run(o, context); break;
            case LayerNorm o: CpuLayerNorm.Run<S, V>(o, context); break;
            case RmsNorm o: CpuRmsNorm.Run<S, V>(o, context); break;
            case MatMul o: CpuMatMul.Run<S, V>(o, context); break;
            case SwiGlu o: CpuActivations.Run<S, V>(o, context); break;
            case Silu o: CpuActivations.Run<S, V>(o, context); break;
            case TimestepSinusoids o: CpuTimestepSinusoids.Run(o, context); break;
            case QkvToCache o: CpuQkvToCache.Run<S, V>(o, context); break;
            case Attention o: CpuAttention.Run<S, V>(o, context); break;
            case VelocityStep o: CpuVelocityStep.Run(o, context); break;
            default: throw new NotSupportedException($"the CPU backend has no kernel for {op}");
        }
    }
}
