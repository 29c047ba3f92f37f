namespace Tuna2.Engine.Sampling;

/// <summary>
/// What requests of a model left to be used again by later ones, with the memory it holds and all it has captured: the longest unused
/// goes first. Safe for several threads.
/// </summary>
/// <param name="most">How many are kept; 0 keeps none.</param>
internal sealed class UnusedPool<T>(int most) : IDisposable where T : class, IDisposable
{
    private readonly Lock _lock = new();
    private readonly LinkedList<T> _unused = [];
    private bool _disposed;

    /// <summary>How many are unused.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _unused.Count;
        }
    }

    /// <summary>The one that was returned last of those that fit, which is the taker's now; null where there is none.</summary>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public T? Take(Func<T, bool> fits)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var node = _unused.Last; node is not null; node = node.Previous)
                if (fits(node.Value))
                {
                    _unused.Remove(node);
                    return node.Value;
                }
            return null;
        }
    }

    /// <summary>Keeps one that is used no more, or frees it.</summary>
    public void Return(T unused)
    {
        int keep;
        lock (_lock)
        {
            _unused.AddLast(unused);
            keep = _disposed ? 0 : most;
        }
        Free(keep);
    }

    /// <summary>Frees all of them; returns how many there were.</summary>
    public int Trim() => Free(0);

    /// <summary>Frees all of them, and from now on whatever is returned.</summary>
    public void Dispose()
    {
        lock (_lock)
            _disposed = true;
        Trim();
    }

    private int Free(int keep)
    {
        var freed = new List<T>();
        lock (_lock)
            for (; _unused.Count > keep; _unused.RemoveFirst())
                freed.Add(_unused.First!.Value);
        freed.ForEach(unused => unused.Dispose());
        return freed.Count;
    }
}
