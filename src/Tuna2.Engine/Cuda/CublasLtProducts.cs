using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// Products by cuBLASLt on one stream: a workspace, and a plan per shape. Streams that run side by side have their own each.
/// <para>
/// It takes any product of more rows than <see cref="Gemv"/>, with bias and residual, and with the activation it has
/// (<see cref="ProductPlan.Has"/>). A gate is ours: cuBLASLt has none. So is a bias that the output's type cannot hold: cuBLASLt wants it in
/// that type, and bfloat16 would round what a float32 checkpoint says. Eight-bit floats it multiplies where it has scales for their rows
/// (<see cref="CublasLtHandle.HasRowScales"/>).
/// </para>
/// </summary>
internal sealed unsafe class CublasLtProducts : IProducts
{
    /// <summary>Plans that are kept: prompts have lengths without number, and every length has its own.</summary>
    public const int MaxPlans = 1024;

    private readonly CublasLtHandle _lt;
    private readonly CudaStream _stream;
    private readonly IDeviceMemory _memory;
    private readonly ProductTuning? _tuning;
    private readonly IAddressable _workspace;
    private readonly Lock _gate = new();
    private readonly Dictionary<ProductShape, ProductPlan> _plans = [];
    private readonly Dictionary<Weight, IAddressable?> _narrowed = new(ReferenceEqualityComparer.Instance);
    private long _uses;

    /// <summary>Takes the workspace.</summary>
    /// <param name="lt">The library on the device.</param>
    /// <param name="stream">Where products are queued.</param>
    /// <param name="memory">The memory products are in.</param>
    /// <param name="tuning">Stored algorithms, or null: those the library advises.</param>
    /// <exception cref="DeviceException">There is not enough memory, or the tuning is of another GPU or library.</exception>
    public CublasLtProducts(CublasLtHandle lt, CudaStream stream, IDeviceMemory memory, ProductTuning? tuning = null)
    {
        tuning?.CheckFor(lt);
        (_lt, _stream, _memory, _tuning) = (lt, stream, memory, tuning);
        _workspace = _memory.Allocate(lt.WorkspaceBytes, "cuBLASLt's workspace");
    }

    /// <inheritdoc/>
    public string Tuning => $"cuBLASLt {_lt.Library.Version}{(_lt.HasRowScales ? " with e4m3" : "")}, {_tuning?.Identity ?? "heuristic"}";

    /// <inheritdoc/>
    public bool Has(in ProductShape shape) => shape.M > Gemv.MaxRows && ProductPlan.Has(shape) && (!shape.Fp8 || _lt.HasRowScales);

    /// <inheritdoc/>
    public void Prepare(Weight bias)
    {
        lock (_gate)
            if (_narrowed.ContainsKey(bias))
                return;
        var narrowed = Narrow(bias); // not under the lock: it may wait for the stream's other users, and one of them for the lock
        lock (_gate)
            if (_narrowed.TryAdd(bias, narrowed))
                return;
        narrowed?.Dispose();
    }

    /// <inheritdoc/>
    public bool TryPrepare(in Product product, string node) => TryPlan(product, node, _ => false);

    /// <inheritdoc/>
    public bool TryWarm(in Product product, string node) => TryPlan(product, node, plan => !plan.HasRun);

    /// <inheritdoc/>
    public bool TryRun(in Product product, string node) => TryPlan(product, node, _ => true);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var plan in _plans.Values)
            plan.Dispose();
        _plans.Clear();
        foreach (var bias in _narrowed.Values)
            bias?.Dispose();
        _narrowed.Clear();
        _workspace.Dispose();
    }

    private bool TryPlan(in Product product, string node, Func<ProductPlan, bool> launches)
    {
        if (!Has(product.Shape) || (product.X | product.W | product.Y | product.Residual | product.XScales | product.WScales) % ProductPlan.Alignment != 0)
            return false;
        ulong bias = 0;
        if (product.Bias is not null && !TryBias(product.Bias, product.Shape.Output, out bias))
            return false;
        using var _ = _lt.Context.Enter();
        lock (_gate)
        {
            var plan = PlanOf(product.Shape, node);
            if (plan.Algorithm is not { } algorithm)
                return false;
            plan.LastUse = ++_uses;
            if (launches(plan))
            {
                plan.Launch(product, bias, algorithm, _workspace.Address, _stream.Handle, node);
                plan.HasRun = true;
                _lt.Context.LastLaunch = LaunchSite.Of(product.Shape, node);
            }
            return true;
        }
    }

    private ProductPlan PlanOf(in ProductShape shape, string node)
    {
        if (_plans.TryGetValue(shape, out var plan))
            return plan;
        if (_stream.IsCapturing)
            throw new DeviceException($"the product {shape} at {node} was not made ready before the capture");
        if (_plans.Count == MaxPlans)
            DropOldest();
        plan = new(_lt, shape, _workspace.Address, node);
        try
        {
            plan.Algorithm = Choose(plan, node);
        }
        catch
        {
            plan.Dispose();
            throw;
        }
        return _plans[shape] = plan;
    }

    private cublasLtMatmulHeuristicResult_t? Choose(ProductPlan plan, string node) => _tuning?.Find(plan.Shape) is { } stored
        ? plan.Restore(stored, _lt.WorkspaceBytes) ?? throw new DeviceException($"{_tuning.Name}: cuBLASLt refuses the algorithm for {plan.Shape}; tune again")
        : plan.Offered(1, _lt.WorkspaceBytes, node) is [var best, ..] ? best : null;

    private void DropOldest()
    {
        var oldest = _plans.Values.MinBy(p => p.LastUse)!;
        _plans.Remove(oldest.Shape);
        oldest.Dispose();
    }

    /// <summary>The bias in the output's type; false where that type cannot hold it.</summary>
    private bool TryBias(Weight bias, ElementType output, out ulong address)
    {
        address = ((IAddressable)bias.Buffer).Address + (ulong)bias.Offset;
        if (output == ElementType.F32)
            return address % ProductPlan.Alignment == 0;
        Prepare(bias);
        lock (_gate)
        {
            address = _narrowed[bias]?.Address ?? 0;
            return address != 0;
        }
    }

    /// <summary>The same numbers as bfloat16, which the official checkpoints store; null where one would be rounded.</summary>
    private IAddressable? Narrow(Weight bias)
    {
        var values = new float[bias.Count];
        _memory.Download(bias.Buffer, bias.Offset, MemoryMarshal.AsBytes(values.AsSpan()));
        var halves = new ushort[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            if ((bits & 0xFFFF) != 0)
                return null;
            halves[i] = (ushort)(bits >> 16);
        }
        var buffer = _memory.Allocate(halves.Length * sizeof(ushort), $"{string.Join('+', bias.Names)} in bfloat16");
        try
        {
            _memory.Upload(MemoryMarshal.AsBytes(halves.AsSpan()), buffer, 0);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }
}
