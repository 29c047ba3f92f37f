using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Sampling;

/// <summary>
/// Text out of the model, over keys and values that stay: a prompt's new positions, then a token at a time; and when the
/// conversation goes on, the next prompt's new positions behind them. <see cref="FullTextDecoder"/> is the oracle.
/// <para>
/// Tokens are picked where the logits are, and a token's run is one of a schedule: a backend that captures steps has the next
/// one queued while the host waits for this one's token. What was computed behind the last token asked for counts nowhere.
/// </para>
/// <para>
/// Where a backend keeps what it captured, so does a decoder: the next answer replays the same step as long as its keys and values lie
/// where they lay, it is not longer than the tables of all steps, and its tokens are picked alike.
/// </para>
/// </summary>
/// <param name="network">The model.</param>
/// <param name="backend">What runs it.</param>
/// <param name="spare">Frees memory that nobody uses, and returns whether there was any, as a number; null for none.</param>
internal sealed class TextDecoder(TunaNetwork network, IBackend backend, Func<int>? spare = null) : IDisposable
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
    private Value? _token;
    private TokenStep? _step;
    private AnswerRun? _run;

    /// <summary>Positions that keys and values have room for.</summary>
    public int Capacity => _capacity;

    /// <summary>Positions whose keys and values are kept.</summary>
    public int Length { get; private set; }

    /// <summary>Rows computed since it was made: what reuse saves is seen here.</summary>
    public long RowsRun { get; private set; }

    /// <summary>Bytes of states and arena that are taken now.</summary>
    public long Bytes => _store.TakenBytes;

    /// <summary>The plans of what it runs, a token's the last; empty between answers.</summary>
    public IEnumerable<Plan> Plans => _run?.Plans ?? [];

    /// <summary>Whether the step that an answer's tokens need is captured, or at least made ready.</summary>
    public bool Replays(int maxTokens, TokenChoice choice) => _step?.Serves(maxTokens - 1, choice) ?? false;

    /// <summary>What a prompt takes for which it is prepared, or was begun.</summary>
    public SessionMemory Memory => SessionMemory.Of(_store, new CacheState(_cache ?? [], []), Plans);

    /// <summary>Computes the positions of a prompt that are not kept yet, and picks the token behind its last one.</summary>
    /// <param name="prompt">Everything from the conversation's first token on; its first <see cref="Length"/> positions are those kept.</param>
    /// <param name="pictures">Planar pixels in -1..1 of the new positions' pictures, which are all of one size.</param>
    /// <param name="maxTokens">Tokens that may be picked.</param>
    /// <param name="choice">How they are picked.</param>
    /// <param name="cancellation">Seen between ops.</param>
    /// <returns>The first token.</returns>
    /// <exception cref="DeviceException">There is not enough memory; what was kept still is.</exception>
    /// <exception cref="ModelException">The logits are not finite.</exception>
    public int Begin(PromptLayout prompt, IReadOnlyList<float[]> pictures, int maxTokens, TokenChoice choice, CancellationToken cancellation)
    {
        var spans = prompt.Spans.Count(span => span.Offset >= Length);
        if (spans != pictures.Count)
            throw new InvalidOperationException($"{pictures.Count} pictures for the {spans} spans that are new");
        Prepare(prompt, maxTokens, choice);
        _run!.RunTimes(cancellation);
        var picture = 0;
        foreach (var (from, to) in Pieces(prompt, Length))
        {
            if (prompt.Spans.Any(span => span.Offset >= from && span.End <= to))
                _store.Write(_run.Pictures!.Pictures, 0, pictures[picture++]);
            var builder = new BatchBuilder().Add(prompt, from, to, kvBase: 0, cleanTime: 0, targetTime: 0, sourcePicture: 0, targetPicture: 0);
            var batch = (to == prompt.Tokens.Count ? builder.PickLast() : builder).Build();
            _run.RunPrompt(batch, cancellation);
            (RowsRun, Length) = (RowsRun + batch.Rows, to);
        }
        return _run.First(Length);
    }

    /// <summary>Takes all the memory that a prompt and its answer need, and computes nothing.</summary>
    /// <exception cref="DeviceException">There is not enough memory; what was kept still is.</exception>
    public void Prepare(PromptLayout prompt, int maxTokens, TokenChoice choice)
    {
        try
        {
            Take(prompt, maxTokens, choice);
        }
        catch (DeviceException) when (spare?.Invoke() > 0)
        {
            Take(prompt, maxTokens, choice);
        }
    }

    private void Take(PromptLayout prompt, int maxTokens, TokenChoice choice)
    {
        Rest();
        _end = checked(prompt.Tokens.Count + maxTokens);
        var picture = prompt.Spans.FirstOrDefault(span => span.Offset >= Length) is { Length: > 1 } span ? span.Grid : (Grid?)null;
        try
        {
            if (_end > _capacity || !Replays(maxTokens, choice))
                DropStep();
            Reserve(_end);
            if (picture is not null)
                _times ??= network.NewTimeState(_store, 1, head: false);
            var cache = new CacheState(_cache!, []);
            var rows = Pieces(prompt, Length).Max(piece => piece.To - piece.From);
            _token ??= TunaNetwork.NewTokenState(_store);
            if (maxTokens > 1)
                _step ??= new TokenStep(network, backend, _store, cache, _token, maxTokens - 1, choice);
            _run = new AnswerRun(network, backend, _store, cache, _token, maxTokens > 1 ? _step : null, rows, picture, picture is null ? null : _times, maxTokens, choice);
            _store.Take($"a chat of {_end} tokens", picture is null ? "a shorter answer takes less" : "a smaller picture or a shorter answer takes less");
        }
        catch
        {
            Rest();
            DropStep();
            throw;
        }
    }

    /// <summary>Appends the token picked last, and picks the next.</summary>
    /// <param name="cancellation">Seen between ops.</param>
    /// <exception cref="InvalidOperationException">There is no prompt, or it was begun for fewer tokens.</exception>
    /// <exception cref="ModelException">The logits are not finite.</exception>
    public int Next(CancellationToken cancellation)
    {
        if (_run is not { Begun: true } || Length + 1 >= _end)
            throw new InvalidOperationException($"position {Length} is not one of the {_end - 1} that tokens of this answer may take");
        var token = _run.Next(cancellation);
        (RowsRun, Length) = (RowsRun + 1, Length + 1);
        return token;
    }

    /// <summary>
    /// The logits the last token was picked from: (vocabulary). Where a backend runs ahead, only those of the first token are there.
    /// </summary>
    public float[] ReadLogits() => _run!.ReadLogits();

    /// <summary>As <see cref="Next"/>, behind all that ran ahead, saying what each kind of kernel took.</summary>
    public IReadOnlyList<KernelTime> Profile(CancellationToken cancellation)
    {
        var before = _run!.Taken;
        var times = _run.Profile(cancellation);
        (RowsRun, Length) = (RowsRun + _run.Taken - before, Length + _run.Taken - before);
        return times;
    }

    /// <summary>Waits for what was computed ahead, and says what went wrong there: before keys and values are kept.</summary>
    public void Settle() => _run?.Settle();

    /// <summary>Forgets the positions from <paramref name="length"/> on.</summary>
    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Forgets every position and what was counted: for another conversation.</summary>
    public void Forget() => (Length, RowsRun) = (0, 0);

    /// <summary>Frees what only an answer needs: activations and pictures. Keys and values stay, and where it is kept the token's step.</summary>
    public void Rest()
    {
        _run?.Dispose();
        _run = null;
        if (!backend.KeepsSlots)
            DropStep();
        _store.ReleaseArena();
    }

    public void Dispose()
    {
        Rest();
        DropStep();
        _store.Dispose();
    }

    /// <summary>What a token's step was captured over is no more what the next answer needs.</summary>
    private void DropStep()
    {
        if (_step is not null)
            _store.Disown(_step.Executor);
        _step = null;
        if (_token is not null)
            _store.Remove(_token);
        _token = null;
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

    /// <summary>The language model over rows that are embedded, and the pick of a token behind them.</summary>
    private static Value Head(TunaNetwork network, ModelGraph graph, Value embedded, CacheState cache, Extent picked, Value token, TokenChoice choice)
    {
        var logits = network.LanguageHead(graph, network.Llm(graph, embedded, cache), picked);
        graph.Keep(logits);
        TunaNetwork.PickToken(graph, logits, token, choice);
        return logits;
    }

    /// <summary>A token's run, of as many answers as it serves: the graph, and on a GPU what was captured of it.</summary>
    private sealed class TokenStep
    {
        /// <summary>Where it is kept there are tables for a multiple of so many tokens.</summary>
        private const int RunBucket = 256;

        private readonly int _runs;
        private readonly TokenChoice _choice;

        public TokenStep(TunaNetwork network, IBackend backend, StateStore store, CacheState cache, Value token, int runs, TokenChoice choice)
        {
            (_runs, _choice) = (backend.KeepsSlots ? checked(runs + RunBucket - 1) / RunBucket * RunBucket : runs, choice);
            var graph = new ModelGraph();
            var one = new Extent("token", 1);
            Logits = Head(network, graph, network.Embed(graph, one, text: true, null, null, maxSpans: 0, token), cache, new("picked", 1), token, choice);
            graph.Report(token);
            Executor = new Executor(graph, backend, store, new(one, 1, Picked: 1, Runs: _runs), backend.KeepsSlots ? "a token's activations" : null);
        }

        public Executor Executor { get; }

        public Value Logits { get; }

        /// <summary>Of a choice all but the count of draws, which comes from the tables, is an argument of what was captured; greedy needs nothing else.</summary>
        public bool Serves(int runs, TokenChoice choice) =>
            runs <= _runs && (choice.Temperature == 0 ? _choice.Temperature == 0 : choice with { Drawn = _choice.Drawn } == _choice);
    }

    /// <summary>What an answer runs on: a graph for its prompt and one for its tokens, a picture's slot.</summary>
    private sealed class AnswerRun : IDisposable
    {
        private readonly StateStore _store;
        private readonly TimeState? _times;
        private readonly Executor? _timesExecutor;
        private readonly Executor _prompt;
        private readonly Executor? _tokens;
        private readonly Extent _picked = new("picked", 1);
        private readonly Value _token;
        private readonly Value _promptLogits;
        private readonly Value? _tokenLogits;
        private readonly TokenChoice _choice;
        private readonly int _runs;
        private int _queued;
        private int _taken;

        public AnswerRun(
            TunaNetwork network, IBackend backend, StateStore store, CacheState cache, Value token, TokenStep? step, int rows, Grid? picture, TimeState? times, int maxTokens,
            TokenChoice choice)
        {
            (_store, _times, _token, _choice, _runs) = (store, times, token, choice, maxTokens - 1);
            (_tokens, _tokenLogits) = (step?.Executor, step?.Logits);
            if (picture is { } grid)
                Pictures = network.NewPictureToSee(store, grid, 1);
            if (times is not null)
                _timesExecutor = new Executor(network.Times(times), backend, store, BatchBounds.None);
            var prompt = new ModelGraph();
            var extent = new Extent("tokens", rows);
            _promptLogits = Head(network, prompt, network.Embed(prompt, extent, text: true, Pictures, times, maxSpans: 1), cache, _picked, token, choice);
            // A piece has a picture at most, with text before and behind it.
            _prompt = new Executor(prompt, backend, store, new(extent, 3, Pictures is null ? 0 : 1, Picked: 1));
        }

        public IEnumerable<Plan> Plans => new[] { _timesExecutor, _prompt, _tokens }.OfType<Executor>().Select(executor => executor.Plan);

        public PictureState? Pictures { get; }

        /// <summary>Whether the first token was picked.</summary>
        public bool Begun { get; private set; }

        /// <summary>Computes the embedding of t = 1, a picture's time token.</summary>
        public void RunTimes(CancellationToken cancellation)
        {
            if (_timesExecutor is null)
                return;
            _store.Write(_times!.Times, 0, [1f]);
            _timesExecutor.Run(new Batch(), cancellation);
        }

        /// <summary>The language head runs, and a token is picked, where the batch picks a row.</summary>
        public void RunPrompt(Batch batch, CancellationToken cancellation)
        {
            _picked.Value = batch.Picked.Count;
            batch.Draw = _choice.Drawn;
            _prompt.Run(batch, cancellation);
        }

        /// <summary>The token picked behind the prompt, which ends at <paramref name="position"/>.</summary>
        public int First(int position)
        {
            // While the prompt is under way.
            _tokens?.Schedule([.. Enumerable.Range(0, _runs).Select(run => RunOf(position + run, run))]);
            Span<float> word = stackalloc float[1];
            _store.Read(_token, 0, word);
            Begun = true;
            return Checked(BitConverter.SingleToInt32Bits(word[0]));
        }

        /// <summary>The token picked behind the one before.</summary>
        public int Next(CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            for (var end = Math.Min(_taken + 1 + _tokens!.Ahead, _runs); _queued < end; _queued++)
                _tokens.RunNext(cancellation);
            var token = _tokens.ReadReport(_taken);
            _taken++;
            return Checked(token);
        }

        /// <summary>Tokens picked behind the first, and handed out.</summary>
        public int Taken => _taken;

        public IReadOnlyList<KernelTime> Profile(CancellationToken cancellation)
        {
            var times = _tokens!.ProfileNext(cancellation);
            _taken = ++_queued;
            return times;
        }

        public float[] ReadLogits()
        {
            var (executor, logits) = _queued == 0 ? (_prompt, _promptLogits) : (_tokens!, _tokenLogits!);
            return executor.Read(logits);
        }

        public void Settle() => _tokens?.Settle(0);

        public void Dispose()
        {
            foreach (var executor in new[] { _timesExecutor, _prompt }.OfType<Executor>())
                _store.Disown(executor);
            if (Pictures is not null)
                _store.Remove(Pictures.Pictures);
        }

        /// <summary>A token's run: its id is where the run before picked it.</summary>
        private Batch RunOf(int position, int run)
        {
            var batch = new BatchBuilder().AddToken(-1, position, kvBase: 0).PickLast().Build();
            batch.Draw = _choice.Drawn + 1 + run;
            return batch;
        }

        private static int Checked(int token) => token >= 0 ? token : throw TokenSampler.NotFinite();
    }
}
