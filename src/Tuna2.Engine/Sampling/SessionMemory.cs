using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>The memory of a request, in bytes.</summary>
/// <param name="KeyValues">Keys and values of every layer.</param>
/// <param name="Tables">Other states: AdaLN vectors and time tokens, the solver's pictures.</param>
/// <param name="Activations">The arena the activations are planned into.</param>
/// <param name="Plans">The plans of everything that runs.</param>
internal sealed record SessionMemory(long KeyValues, long Tables, long Activations, IReadOnlyList<Plan> Plans)
{
    /// <summary>Counts what a store holds.</summary>
    public static SessionMemory Of(StateStore store, CacheState cache, IEnumerable<Plan> plans)
    {
        var keyValues = cache.Llm.Concat(cache.Head).Sum(layer => store.BytesOf(layer.Keys) + store.BytesOf(layer.Values));
        return new(keyValues, store.StateBytes - keyValues, store.ArenaBytes, [.. plans]);
    }

    /// <summary>What the activations would take if every one had memory of its own.</summary>
    public long NaiveActivations => Plans.Sum(plan => plan.NaiveBytes);

    /// <summary>What is taken.</summary>
    public long Bytes => KeyValues + Tables + Activations;
}
