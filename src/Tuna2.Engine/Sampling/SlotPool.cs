using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The predictors of a model that no request uses just now. Where a backend keeps them, a request takes one whose room is right,
/// with all it has captured, and gives it back; elsewhere each request has its own. Safe for several threads.
/// </summary>
internal sealed class SlotPool(Tuna2Network network, IBackend backend) : IDisposable
{
    /// <summary>Unused slots beyond this many are freed, the longest unused first.</summary>
    public const int MostUnused = 4;

    private readonly Lock _lock = new();
    private readonly LinkedList<PrefixPredictor> _unused = [];
    private bool _disposed;

    /// <summary>How many are unused.</summary>
    public int Unused
    {
        get
        {
            lock (_lock)
                return _unused.Count;
        }
    }

    /// <summary>A predictor that a plan fits, for as long as the lease is not disposed.</summary>
    /// <exception cref="DeviceException">There is not enough memory, not even without the unused ones.</exception>
    public Lease Lease(DenoisePlan plan)
    {
        var room = PredictorRoom.For(plan, backend);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var node = _unused.Last; node is not null; node = node.Previous)
                if (node.Value.Room == room)
                {
                    _unused.Remove(node);
                    return new(this, node.Value);
                }
        }
        try
        {
            return new(this, new(network, backend, room));
        }
        catch (DeviceException) when (Trim() > 0)
        {
            return new(this, new(network, backend, room));
        }
    }

    /// <summary>Frees the unused ones; returns how many there were.</summary>
    public int Trim() => Free(0);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
            _disposed = true;
        Trim();
    }

    internal void Return(PrefixPredictor predictor)
    {
        lock (_lock)
        {
            if (backend.KeepsSlots && !_disposed)
            {
                _unused.AddLast(predictor);
                predictor = null!;
            }
        }
        predictor?.Dispose();
        Free(MostUnused);
    }

    private int Free(int keep)
    {
        var freed = new List<PrefixPredictor>();
        lock (_lock)
            for (; _unused.Count > keep; _unused.RemoveFirst())
                freed.Add(_unused.First!.Value);
        freed.ForEach(predictor => predictor.Dispose());
        return freed.Count;
    }
}
