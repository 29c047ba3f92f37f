namespace Tuna2.Cli;

/// <summary>Whom a Ctrl-C stops: the whole program, or a part of it that asked for it, such as an answer of a chat.</summary>
internal sealed class Interrupts
{
    private CancellationTokenSource? _part;

    /// <summary>Until the result is disposed, a Ctrl-C cancels <paramref name="part"/>.</summary>
    public IDisposable For(CancellationTokenSource part)
    {
        Volatile.Write(ref _part, part);
        return new Held(this);
    }

    /// <summary>
    /// A Ctrl-C has come. Returns whether a part took it: the next one, from a user who will not wait for that part to end, is
    /// the program's.
    /// </summary>
    public bool Raise()
    {
        if (Volatile.Read(ref _part) is not { IsCancellationRequested: false } part)
            return false;
        try
        {
            part.Cancel();
            return true;
        }
        catch (ObjectDisposedException)
        {
            // It ended while the signal was on its way.
            return true;
        }
    }

    private sealed class Held(Interrupts interrupts) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref interrupts._part, null);
    }
}
