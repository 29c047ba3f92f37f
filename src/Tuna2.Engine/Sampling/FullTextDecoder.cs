using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// The oracle: computes a whole conversation, pictures and all, in one run from its first token. For parity and tests, where it
/// also keeps the LLM's input.
/// </summary>
internal sealed class FullTextDecoder : IDisposable
{
    private readonly PromptLayout _prompt;
    private readonly StateStore _store;
    private readonly Executor _executor;
    private readonly Extent _rows;
    private readonly Value _logits;
    private readonly Value _embeds;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="prompt">The conversation.</param>
    /// <param name="pictures">Planar pixels in -1..1 of its pictures, which are all of one size.</param>
    /// <param name="maxTokens">Tokens that may follow.</param>
    public FullTextDecoder(TunaNetwork network, IBackend backend, PromptLayout prompt, IReadOnlyList<float[]> pictures, int maxTokens)
    {
        _prompt = prompt;
        _store = new StateStore(backend);
        var capacity = checked(prompt.Tokens.Count + maxTokens);
        _rows = new Extent("tokens", capacity);
        var cache = network.NewCacheState(_store, capacity, head: false);
        var seen = prompt.Spans.Count > 0 ? network.NewPictureToSee(_store, prompt.Spans[0].Grid, pictures.Count) : null;
        var times = seen is null ? null : network.NewTimeState(_store, 1, head: false);
        var timesExecutor = times is null ? null : new Executor(network.Times(times), backend, _store, BatchBounds.None);
        var graph = new ModelGraph();
        _embeds = network.Embed(graph, _rows, text: true, seen, times, pictures.Count);
        _logits = network.LanguageHead(graph, network.Llm(graph, _embeds, cache), new Extent("picked", 1));
        graph.Keep(_logits);
        graph.Keep(_embeds);
        _executor = new Executor(graph, backend, _store, new(_rows, 2 * prompt.Spans.Count + 1 + maxTokens, prompt.Spans.Count, Picked: 1));
        _store.Take($"a chat of {capacity} tokens", "a shorter one takes less");

        for (var i = 0; i < pictures.Count; i++)
            _store.Write(seen!.Pictures, i, pictures[i]);
        if (timesExecutor is null)
            return;
        _store.Write(times!.Times, 0, [1f]);
        timesExecutor.Run(new Batch(), default);
    }

    /// <summary>The LLM's input of the last run: (tokens, hidden).</summary>
    public float[] ReadEmbeds() => _executor.Read(_embeds);

    /// <summary>The logits behind the prompt and everything generated, computed from the start.</summary>
    public float[] Logits(IReadOnlyList<int> generated, CancellationToken cancellation)
    {
        var all = _prompt.With(generated);
        _executor.Run(new BatchBuilder().Add(all, 0, all.Tokens.Count, 0, 0, 0, 0, 0).PickLast().Build(), cancellation);
        return _executor.Read(_logits);
    }

    public void Dispose() => _store.Dispose();
}
