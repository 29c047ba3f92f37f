using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Text out of the model: the prompt's keys and values once, then a token at a time. The plain form, which computes the whole
/// sequence again for every token, is the oracle.
/// </summary>
internal sealed class TextDecoder : IDisposable
{
    private readonly Tuna2Network _network;
    private readonly PromptLayout _prompt;
    private readonly StateStore _store;
    private readonly CacheState _cache;
    private readonly PictureState? _pictures;
    private readonly TimeState? _times;
    private readonly Executor? _timesExecutor;
    private readonly Executor _executor;
    private readonly Extent _rows;
    private readonly Value _logits;
    private readonly Value _embeds;
    private int _length;

    /// <param name="network">The model.</param>
    /// <param name="backend">What runs it.</param>
    /// <param name="prompt">The chat.</param>
    /// <param name="height">Rows of its picture in pixels; any when it has none.</param>
    /// <param name="width">Columns of its picture in pixels.</param>
    /// <param name="maxTokens">Tokens that may follow.</param>
    /// <param name="oracle">Makes room to compute prompt and answer in one run, and keeps the LLM's input: for parity.</param>
    public TextDecoder(Tuna2Network network, IBackend backend, PromptLayout prompt, int height, int width, int maxTokens, bool oracle = false)
    {
        (_network, _prompt) = (network, prompt);
        _store = new StateStore(backend);
        var capacity = checked(prompt.Tokens.Count + maxTokens);
        _rows = new Extent("tokens", oracle ? capacity : prompt.Tokens.Count);
        _cache = network.NewCacheState(_store, capacity, head: false);
        if (prompt.Spans.Count > 0)
        {
            var elements = network.Config.ImageChannels * height * width;
            var one = new Extent("pictures", 1);
            var pictures = _store.Add("pictures", one, elements, ValueElement.Float32);
            _pictures = new PictureState(height, width, pictures, null, pictures);
            _times = network.NewTimeState(_store, 1);
            _timesExecutor = new Executor(network.Times(_times), backend, _store, BatchBounds.None);
        }
        var graph = new ModelGraph();
        _embeds = network.Embed(graph, _rows, text: true, _pictures, _times, prompt.Spans.Count);
        _logits = network.LanguageHead(graph, network.Llm(graph, _embeds, _cache), new Extent("picked", 1));
        graph.Keep(_logits);
        if (oracle)
            graph.Keep(_embeds);
        // The oracle has what was generated as sequences of one token each, behind the prompt's pieces.
        var pieces = 2 * prompt.Spans.Count + 1 + (oracle ? maxTokens : 0);
        _executor = new Executor(graph, backend, _store, new(_rows, pieces, prompt.Spans.Count, Picked: 1));
        _store.Take($"a chat of {capacity} tokens", prompt.Spans.Count > 0 ? "a smaller picture or a shorter answer takes less" : "a shorter answer takes less");
    }

    /// <summary>What it has taken.</summary>
    public SessionMemory Memory => SessionMemory.Of(_store, _cache, _timesExecutor is null ? [_executor.Plan] : [_timesExecutor.Plan, _executor.Plan]);

    /// <summary>The plan of what it runs.</summary>
    public Plan Plan => _executor.Plan;

    /// <summary>The LLM's input of the last run, when kept: (tokens, hidden).</summary>
    public float[] ReadEmbeds() => _executor.Read(_embeds);

    /// <summary>Computes the prompt; returns the logits behind its last token.</summary>
    /// <param name="picture">Planar pixels in -1..1, empty without a picture.</param>
    /// <param name="cancellation">Seen between ops.</param>
    public float[] Prefill(ReadOnlySpan<float> picture, CancellationToken cancellation)
    {
        if (_times is not null)
        {
            _store.Write(_pictures!.Pictures, 0, picture);
            _store.Write(_times.Times, 0, [1f]);
            _timesExecutor!.Run(new Batch(), cancellation);
        }
        return Run(new BatchBuilder().Add(_prompt, 0, _prompt.Tokens.Count, 0, 0, 0, 0, 0), cancellation);
    }

    /// <summary>Appends a token; returns the logits behind it.</summary>
    public float[] Next(int token, CancellationToken cancellation) =>
        Run(new BatchBuilder().AddToken(token, _length, kvBase: 0), cancellation);

    /// <summary>The oracle: the prompt and everything generated, computed again from the start.</summary>
    public float[] Recompute(IReadOnlyList<int> generated, CancellationToken cancellation)
    {
        var builder = new BatchBuilder().Add(_prompt, 0, _prompt.Tokens.Count, 0, 0, 0, 0, 0);
        for (var i = 0; i < generated.Count; i++)
            builder.AddToken(generated[i], _prompt.Tokens.Count + i, kvBase: 0);
        return Run(builder, cancellation);
    }

    public void Dispose() => _store.Dispose();

    private float[] Run(BatchBuilder builder, CancellationToken cancellation)
    {
        var batch = builder.PickLast().Build();
        _executor.Run(batch, cancellation);
        var last = batch.Sequences[^1];
        _length = last.PrefixLen + last.QLen;
        return _executor.Read(_logits);
    }
}
