namespace Tuna2.Engine.Cuda;

/// <summary>
/// Lets one thread in at a time, in the order they came: a session that asks for every step again cannot keep another one
/// waiting for more than its turn. A thread that is in may enter again.
/// </summary>
internal sealed class FairGate
{
    private readonly object _lock = new();
    private long _lastTicket;
    private long _serving = 1;
    private int _owner;
    private int _depth;

    /// <summary>How many wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return (int)(_lastTicket - _serving) + (_owner == 0 ? 1 : 0);
        }
    }

    /// <summary>Waits for its turn, which ends when what is returned is disposed, on the same thread.</summary>
    public Turn Enter()
    {
        var thread = Environment.CurrentManagedThreadId;
        lock (_lock)
        {
            if (_owner != thread)
            {
                var ticket = ++_lastTicket;
                while (ticket != _serving)
                    Monitor.Wait(_lock);
                _owner = thread;
            }
            _depth++;
        }
        return new(this);
    }

    private void Leave()
    {
        lock (_lock)
        {
            if (--_depth > 0)
                return;
            _owner = 0;
            _serving++;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>The time a thread is in.</summary>
    public readonly ref struct Turn(FairGate gate)
    {
        /// <summary>Lets the next one in.</summary>
        public void Dispose() => gate.Leave();
    }
}
