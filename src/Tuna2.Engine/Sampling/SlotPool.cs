using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The predictors and decoders of a model that no request uses just now. Where a backend keeps them, a request takes one whose room is
/// right, with all it has captured, and gives it back; elsewhere each request has its own. Safe for several threads.
/// </summary>
internal sealed class SlotPool(TunaNetwork network, IBackend backend) : IDisposable
{
    /// <summary>Unused predictors beyond this many are freed, the longest unused first.</summary>
    public const int MostUnused = 4;

    /// <summary>The same of decoders, whose keys and values are of no use to another conversation.</summary>
    public const int MostUnusedDecoders = 2;

    /// <summary>A decoder with room for more positions than this is freed when its conversation ends: few answers need so many.</summary>
    public const int MostUnusedPositions = 2048;

    private readonly UnusedPool<PrefixPredictor> _predictors = new(backend.KeepsSlots ? MostUnused : 0);
    private readonly UnusedPool<TextDecoder> _decoders = new(backend.KeepsSlots ? MostUnusedDecoders : 0);

    /// <summary>How many predictors are unused.</summary>
    public int Unused => _predictors.Count;

    /// <summary>How many decoders are unused.</summary>
    public int UnusedDecoders => _decoders.Count;

    /// <summary>A predictor for a picture, for as long as the lease is not disposed.</summary>
    /// <exception cref="DeviceException">There is not enough memory, not even without the unused ones.</exception>
    public Lease Lease(DenoisePlan plan) => Lease([[plan]]);

    /// <summary>A predictor for runs one after the other, of pictures that are stepped together, for as long as the lease is not disposed.</summary>
    /// <exception cref="DeviceException">There is not enough memory, not even without the unused ones.</exception>
    public Lease Lease(IReadOnlyList<IReadOnlyList<DenoisePlan>> runs)
    {
        var room = PredictorRoom.For(runs, backend);
        if (_predictors.Take(predictor => predictor.Room == room) is { } unused)
            return new(this, unused);
        try
        {
            return new(this, new(network, backend, room));
        }
        catch (DeviceException) when (Trim() > 0)
        {
            return new(this, new(network, backend, room));
        }
    }

    /// <summary>
    /// A decoder that keeps nothing yet, the caller's until it is returned or disposed: an unused one that has room for so many positions
    /// and whose captured token serves the answer; a new one; or where enough are unused, one of those, which captures again.
    /// </summary>
    public TextDecoder LeaseDecoder(int positions, int maxTokens, TokenChoice choice)
    {
        var decoder = _decoders.Take(unused => unused.Capacity >= positions && unused.Replays(maxTokens, choice))
            ?? (_decoders.Count < MostUnusedDecoders ? null : _decoders.Take(_ => true))
            ?? new TextDecoder(network, backend, Trim);
        decoder.Forget();
        return decoder;
    }

    /// <summary>Takes a decoder back that has answered.</summary>
    public void Return(TextDecoder decoder)
    {
        decoder.Rest();
        if (decoder.Capacity > MostUnusedPositions)
            decoder.Dispose();
        else
            _decoders.Return(decoder);
    }

    /// <summary>Frees the unused ones; returns how many there were.</summary>
    public int Trim() => _predictors.Trim() + _decoders.Trim();

    /// <inheritdoc/>
    public void Dispose()
    {
        _predictors.Dispose();
        _decoders.Dispose();
    }

    internal void Return(PrefixPredictor predictor)
    {
        predictor.Forget();
        _predictors.Return(predictor);
    }
}
