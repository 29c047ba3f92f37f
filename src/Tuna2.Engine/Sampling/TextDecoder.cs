using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Text out of the model, over keys and values that stay: a prompt's new positions, then a token at a time; and when the
/// conversation goes on, the next prompt's new positions behind them. <see cref="FullTextDecoder"/> is the oracle.
/// </summary>
/// <param name="network">The model.</param>
/// <param name="backend">What runs it.</param>
internal sealed class TextDecoder(Tuna2Network network, IBackend backend) : IDisposable
{
    /// <summary>
    /// Keys and values have room for a multiple of this many positions. A turn that needs more copies them once; a decoded
    /// token reads all of them, so the copy is not worth avoiding.
    /// </summary>
    public const int KeyBucket = 256;

    /// <summary>
    /// Positions of text that run at once: enough to read the weights seldom, few enough that a long text's activations stay
    /// small. A picture's span is never cut and comes on top.
    /// </summary>
    public const int TextRows = 512;

    private readonly StateStore _store = new(backend);
    private List<KeyValueCache>? _cache;
    private int _capacity;
    private int _end;
    private TimeState? _times;
    private AnswerRun? _run;

    /// <summary>Positions whose keys and values are kept.</summary>
    public int Length { get; private set; }

    /// <summary>Rows computed since it was made: what reuse saves is seen here.</summary>
    public long RowsRun { get; private set; }

    /// <summary>Bytes of states and arena that are taken now.</summary>
    public long Bytes => _store.TakenBytes;

    /// <summary>The plans of what it runs; empty between answers.</summary>
    public IEnumerable<Plan> Plans => _run?.Plans ?? [];

    /// <summary>What a prompt takes for which it is prepared, or was begun.</summary>
    public SessionMemory Memory => SessionMemory.Of(_store, new CacheState(_cache ?? [], []), Plans);

    /// <summary>Computes the positions of a prompt that are not kept yet; returns the logits behind its last one.</summary>
    /// <param name="prompt">Everything from the conversation's first token on; its first <see cref="Length"/> positions are those kept.</param>
    /// <param name="pictures">Planar pixels in -1..1 of the new positions' pictures, which are all of one size.</param>
    /// <param name="maxTokens">Tokens that may follow.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <returns>(vocabulary), overwritten by the next run.</returns>
    /// <exception cref="DeviceException">There is not enough memory; what was kept still is.</exception>
    public ReadOnlySpan<float> Begin(PromptLayout prompt, IReadOnlyList<float[]> pictures, int maxTokens, CancellationToken cancellation)
    {
        var spans = prompt.Spans.Count(span => span.Offset >= Length);
        if (spans != pictures.Count)
            throw new InvalidOperationException($"{pictures.Count} pictures for the {spans} spans that are new");
        Prepare(prompt, maxTokens);
        _run!.RunTimes(cancellation);
        var picture = 0;
        foreach (var (from, to) in Pieces(prompt, Length))
        {
            if (prompt.Spans.Any(span => span.Offset >= from && span.End <= to))
                _store.Write(_run.Pictures!.Pictures, 0, pictures[picture++]);
            var builder = new BatchBuilder().Add(prompt, from, to, kvBase: 0, cleanTime: 0, targetTime: 0, sourcePicture: 0, targetPicture: 0);
            Run(to == prompt.Tokens.Count ? builder.PickLast() : builder, cancellation);
        }
        return _run.Logits;
    }

    /// <summary>Takes all the memory that a prompt and its answer need, and computes nothing.</summary>
    /// <exception cref="DeviceException">There is not enough memory; what was kept still is.</exception>
    public void Prepare(PromptLayout prompt, int maxTokens)
    {
        Rest();
        _end = checked(prompt.Tokens.Count + maxTokens);
        var picture = prompt.Spans.FirstOrDefault(span => span.Offset >= Length) is { Length: > 1 } span ? span.Grid : (Grid?)null;
        try
        {
            Reserve(_end);
            if (picture is not null)
                _times ??= network.NewTimeState(_store, 1, head: false);
            _run = new AnswerRun(network, backend, _store, new CacheState(_cache!, []), Pieces(prompt, Length).Max(piece => piece.To - piece.From), picture, picture is null ? null : _times);
            _store.Take($"a chat of {_end} tokens", picture is null ? "a shorter answer takes less" : "a smaller picture or a shorter answer takes less");
        }
        catch
        {
            Rest();
            throw;
        }
    }

    /// <summary>Appends a token; returns the logits behind it, overwritten by the next run.</summary>
    /// <exception cref="InvalidOperationException">There is no prompt, or it was begun for fewer tokens.</exception>
    public ReadOnlySpan<float> Next(int token, CancellationToken cancellation)
    {
        if (_run is null || Length >= _end)
            throw new InvalidOperationException($"position {Length} is not one of the {_end} this decoder was begun for");
        Run(new BatchBuilder().AddToken(token, Length, kvBase: 0).PickLast(), cancellation);
        return _run.Logits;
    }

    /// <summary>Forgets the positions from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Frees what only an answer needs: activations and pictures. Keys and values stay.</summary>
    public void Rest()
    {
        _run?.Dispose();
        _run = null;
        _store.ReleaseArena();
    }

    public void Dispose()
    {
        Rest();
        _store.Dispose();
    }

    /// <summary>
    /// The runs that compute a prompt from a position on: text in pieces, a picture with the text around it, never two pictures
    /// in one run.
    /// </summary>
    internal static IReadOnlyList<(int From, int To)> Pieces(PromptLayout prompt, int from)
    {
        var pieces = new List<(int From, int To)>();
        var rows = TextRows + prompt.Spans.Where(span => span.Offset >= from).Select(span => span.Length).DefaultIfEmpty().Max();
        while (from < prompt.Tokens.Count)
        {
            var ahead = prompt.Spans.Where(span => span.Offset >= from).Take(2).ToList();
            var to = Math.Min(from + (ahead.Count == 0 ? TextRows : rows), prompt.Tokens.Count);
            if (ahead.Count > 0 && ahead[0].End > to)
                to = from + TextRows;
            else if (ahead.Count > 1)
                to = Math.Min(to, ahead[1].Offset);
            pieces.Add((from, to));
            from = to;
        }
        return pieces;
    }

    private void Run(BatchBuilder builder, CancellationToken cancellation)
    {
        var batch = builder.Build();
        _run!.Run(batch, cancellation);
        RowsRun += batch.Rows;
        var last = batch.Sequences[^1];
        Length = last.PrefixLen + last.QLen;
    }

    private void Reserve(int positions)
    {
        if (positions <= _capacity)
            return;
        var capacity = checked(positions + KeyBucket - 1) / KeyBucket * KeyBucket;
        if (_cache is null)
        {
            _cache = [.. network.NewCacheState(_store, capacity, head: false).Llm];
        }
        else
        {
            // A cache at a time, so that old and new together take little more than the new; each stays whole if the next one fails.
            var rows = new Extent("keys", capacity);
            for (var i = 0; i < _cache.Count; i++)
            {
                if (_cache[i].Keys.Rows.Max < capacity)
                    _cache[i] = _cache[i] with { Keys = _store.Grow(_cache[i].Keys, rows, Length) };
                if (_cache[i].Values.Rows.Max < capacity)
                    _cache[i] = _cache[i] with { Values = _store.Grow(_cache[i].Values, rows, Length) };
            }
        }
        _capacity = capacity;
    }

    /// <summary>What an answer runs on: the graph, its arena, a picture's slot.</summary>
    private sealed class AnswerRun : IDisposable
    {
        private readonly StateStore _store;
        private readonly TimeState? _times;
        private readonly Executor? _timesExecutor;
        private readonly Executor _executor;
        private readonly Extent _rows;
        private readonly Extent _picked = new("picked", 1);
        private readonly Value _logits;
        private readonly float[] _read;

        public AnswerRun(Tuna2Network network, IBackend backend, StateStore store, CacheState cache, int rows, Grid? picture, TimeState? times)
        {
            (_store, _times) = (store, times);
            _rows = new Extent("tokens", rows);
            _read = new float[network.Config.VocabSize];
            if (picture is { } grid)
                Pictures = network.NewPictureToSee(store, grid, 1);
            if (times is not null)
                _timesExecutor = new Executor(network.Times(times), backend, store, BatchBounds.None);
            var graph = new ModelGraph();
            var h = network.Llm(graph, network.Embed(graph, _rows, text: true, Pictures, times, maxSpans: 1), cache);
            _logits = network.LanguageHead(graph, h, _picked);
            graph.Keep(_logits);
            // A piece has a picture at most, with text before and behind it.
            _executor = new Executor(graph, backend, store, new(_rows, 3, Pictures is null ? 0 : 1, Picked: 1));
        }

        public IEnumerable<Plan> Plans => _timesExecutor is null ? [_executor.Plan] : [_timesExecutor.Plan, _executor.Plan];

        public PictureState? Pictures { get; }

        public ReadOnlySpan<float> Logits => _read;

        /// <summary>Computes the embedding of t = 1, a picture's time token.</summary>
        public void RunTimes(CancellationToken cancellation)
        {
            if (_timesExecutor is null)
                return;
            _store.Write(_times!.Times, 0, [1f]);
            _timesExecutor.Run(new Batch(), cancellation);
        }

        /// <summary>The language head runs, and is read, where the batch picks a row.</summary>
        public void Run(Batch batch, CancellationToken cancellation)
        {
            _picked.Value = batch.Picked.Count;
            _executor.Run(batch, cancellation);
            if (batch.Picked.Count > 0)
                _executor.Read(_logits, _read);
        }

        public void Dispose()
        {
            if (_timesExecutor is not null)
                _store.Disown(_timesExecutor);
            _store.Disown(_executor);
            if (Pictures is not null)
                _store.Remove(Pictures.Pictures);
        }
    }
}
