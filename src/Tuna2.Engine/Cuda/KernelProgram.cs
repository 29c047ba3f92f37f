using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A graph as launches of our kernels, its tables in device memory that is taken once. A schedule's tables go up together before
/// its first run; each run begins by bringing its own into place (kernels/advance_step.cu). Where there is a queue, batches of
/// one shape are one captured graph, replayed for each.
/// </summary>
internal sealed class KernelProgram : GraphProgram
{
    /// <summary>Runs of a schedule that may be under way: enough that the device never waits, few enough that cancelling is quick.</summary>
    private const int MostUnderWay = 2;

    private readonly KernelBackend _backend;
    private readonly Plan _plan;
    private readonly IMemoryMap _map;
    private readonly BatchBounds _bounds;
    private readonly TableLayout _layout;
    private readonly List<IDisposable> _owned = [];
    private readonly IAddressable? _tables;
    private readonly IAddressable? _schedule;
    private readonly IAddressable? _step;
    private readonly CudaEvent[] _marks = [];
    private readonly ReportRing? _reports;
    private readonly Dictionary<string, Shape> _shapes = [];
    private (IAddressable Parts, IAddressable Finished)? _decode;
    private Shape[] _order = [];
    private int _next;
    private int _settled;

    /// <summary>Batches that differ in tables alone.</summary>
    private sealed record Shape(Batch Batch, DeviceTables Tables, CudaGraph? Graph);

    public KernelProgram(KernelBackend backend, Plan plan, IMemoryMap map, BatchBounds bounds)
    {
        (_backend, _plan, _map, _bounds) = (backend, plan, map, bounds);
        if (plan.Graph.Ops.FirstOrDefault(op => !KernelBackend.Runs(op)) is { } op)
            throw new DeviceException($"{backend.Name} has no kernel for {op}; use cpu");
        _layout = new(plan, bounds, backend.TileRows);
        try
        {
            _tables = Allocate(_layout.VaryingBytes + _layout.ShapedBytes, "tables");
            if (bounds.Runs == 0)
                return;
            _schedule = Allocate((long)bounds.Runs * _layout.VaryingBytes, "tables of all steps");
            _step = Allocate(sizeof(int), "step counter");
            if (backend.Queue is not { } queue)
                return;
            _marks = new CudaEvent[MostUnderWay];
            for (var i = 0; i < _marks.Length; i++)
                _owned.Add(_marks[i] = new CudaEvent(queue.Context));
            if (plan.Graph.Reported is { } reported)
            {
                var (buffer, offset) = map.Locate(reported);
                _owned.Add(_reports = new ReportRing(queue, buffer, offset, MostUnderWay));
            }
        }
        catch
        {
            Dispose(true);
            throw;
        }
    }

    /// <inheritdoc/>
    public override int Ahead => _marks.Length == 0 ? 0 : 1;

    /// <inheritdoc/>
    public override void Run(Batch batch, CancellationToken cancellation)
    {
        var bytes = new byte[_layout.VaryingBytes + _layout.ShapedBytes];
        _layout.WriteVarying(batch, bytes);
        _layout.WriteShaped(batch, bytes.AsSpan(_layout.VaryingBytes));
        _backend.Upload(bytes, _tables!, 0);
        var tables = new DeviceTables(batch, _layout, _tables!.Address, _tables.Address + (ulong)_layout.VaryingBytes, DecodeScratch);
        _bounds.Rows?.Value = batch.Rows;
        if (_backend.Queue is not { } queue)
        {
            Launch(tables, _backend.Launcher, cancellation);
            return;
        }
        using var turn = queue.Enter();
        Launch(tables, _backend.Launcher, cancellation);
    }

    /// <inheritdoc/>
    public override void Schedule(IReadOnlyList<Batch> batches)
    {
        if (batches.Count == 0 || batches.Count > _bounds.Runs)
            throw new InvalidOperationException($"a schedule of {batches.Count} runs is not one of 1 to {_bounds.Runs}");
        var stride = _layout.VaryingBytes;
        var bytes = new byte[batches.Count * stride];
        for (var i = 0; i < batches.Count; i++)
            _layout.WriteVarying(batches[i], bytes.AsSpan(i * stride, stride));
        _backend.Upload(bytes, _schedule!, 0);
        _order = [.. batches.Select(ShapeOf)];
        Restart();
    }

    /// <inheritdoc/>
    public override void Restart()
    {
        Settle(0);
        (_next, _settled) = (0, 0);
        _backend.Upload([0, 0, 0, 0], _step!, 0);
    }

    /// <inheritdoc/>
    public override void RunNext(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var shape = _order[_next];
        if (_backend.Queue is not { } queue)
        {
            Step(shape, _backend.Launcher, cancellation);
            _settled = ++_next;
            return;
        }
        Settle(MostUnderWay - 1);
        using var turn = queue.Enter();
        if (shape.Graph is { } graph)
            graph.Launch(queue.Stream);
        else
            Step(shape, _backend.Launcher, cancellation);
        _reports?.Copy(_next);
        _marks[_next % MostUnderWay].Record(queue.Stream);
        _next++;
    }

    /// <inheritdoc/>
    public override void Settle(int underWay)
    {
        // The stream runs in order: a mark that is reached has all before it behind it.
        if (_next - _settled <= underWay)
            return;
        var last = _next - underWay - 1;
        _marks[last % MostUnderWay].Synchronize();
        _settled = last + 1;
    }

    /// <inheritdoc/>
    public override bool TryReadReport(int run, out int word)
    {
        word = 0;
        if (_reports is null)
            return false;
        if (run >= _next || run < _next - MostUnderWay)
            throw new InvalidOperationException($"run {run} of {_next} left its report too long ago, or not yet");
        Settle(_next - run - 1);
        word = _reports.Read(run);
        return true;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // What runs on writes into what is freed here. After an error that is known already.
        try
        {
            Settle(0);
        }
        catch (DeviceException)
        {
            _settled = _next;
        }
        foreach (var shape in _shapes.Values)
            shape.Graph?.Dispose();
        _shapes.Clear();
        _owned.ForEach(owned => owned.Dispose());
        _owned.Clear();
        base.Dispose(disposing);
    }

    /// <summary>The shape of a batch: its tables and its graph are made when it is first seen, and stay.</summary>
    private Shape ShapeOf(Batch batch)
    {
        var key = TableLayout.ShapeOf(batch);
        if (_shapes.TryGetValue(key, out var shape))
            return shape;
        var bytes = new byte[_layout.ShapedBytes];
        _layout.WriteShaped(batch, bytes);
        var shaped = Allocate(bytes.Length, "tables of a shape");
        _backend.Upload(bytes, shaped, 0);
        var tables = new DeviceTables(batch, _layout, _tables!.Address, shaped.Address, DecodeScratch);
        _bounds.Rows?.Value = batch.Rows;
        var plain = new Shape(batch, tables, null);
        return _shapes[key] = _backend is { Queue: { } queue, Loader: { } loader }
            ? plain with { Graph = queue.Capture($"step of {batch.Sequences.Count} sequences", loader, _backend.Launcher, launcher => Step(plain, launcher, default)) }
            : plain;
    }

    private void Step(Shape shape, ILauncher launcher, CancellationToken cancellation)
    {
        _bounds.Rows?.Value = shape.Batch.Rows;
        KernelBackend.Launch(launcher, new AdvanceStep(), new AdvanceStepArgs
        {
            Schedule = _schedule!.Address, Live = _tables!.Address, Step = _step!.Address, Words = _layout.VaryingBytes / 16, Steps = _bounds.Runs,
        }, "next step");
        Launch(shape.Tables, launcher, cancellation);
    }

    private void Launch(DeviceTables tables, ILauncher launcher, CancellationToken cancellation)
    {
        _plan.Graph.SetCounts(tables.Batch);
        foreach (var op in _plan.Graph.Ops)
        {
            cancellation.ThrowIfCancellationRequested();
            _backend.Run(op, tables, _map, launcher);
        }
    }

    /// <summary>Taken once: captured launches have its address.</summary>
    private (ulong Parts, ulong Finished) DecodeScratch(int partFloats, int counters)
    {
        if (_decode is not { } have || have.Parts.Bytes < partFloats * sizeof(float) || have.Finished.Bytes < counters * sizeof(int))
        {
            _decode = have = (Allocate((long)partFloats * sizeof(float), "attention parts"), Allocate((long)counters * sizeof(int), "attention counters"));
            _backend.Upload(new byte[counters * sizeof(int)], have.Finished, 0);
        }
        return (have.Parts.Address, have.Finished.Address);
    }

    private IAddressable Allocate(long bytes, string what)
    {
        var buffer = _backend.AllocateAddressable(Math.Max(bytes, Plan.Alignment), what);
        _owned.Add(buffer);
        return buffer;
    }
}
