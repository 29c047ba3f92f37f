namespace Tuna2.Engine.Sampling;

/// <summary>A slot for the length of a request.</summary>
internal sealed class Lease(SlotPool pool, PrefixPredictor predictor) : IDisposable
{
    private int _returned;

    /// <summary>The predictor; the lessee's alone.</summary>
    public PrefixPredictor Predictor => predictor;

    /// <summary>Gives it back, whatever became of the request: the next one sets everything it reads.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _returned, 1) == 0)
            pool.Return(predictor);
    }
}
