using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Sampling;

/// <summary>The small random model: keys and values that are kept give what the whole conversation gives.</summary>
public class TextDecoderTests
{
    private const double PrefixToFull = 1e-5;
    private static readonly Grid s_grid = new(1, 3, 2);
    private const int AnswerTokens = 7;

    private TunaModel _model = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTiny();
        _model = await TunaModel.LoadAsync(Fixtures.Path("tuna2-tiny"), new() { Threads = 2 });
    }

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    public void A_token_at_a_time_gives_the_logits_of_the_whole_sequence(int pictures)
    {
        var (prompt, pixels) = Turn([7], pictures, [9, 10], seed: 4);
        using var fast = new TextDecoder(_model.Network, _model.Backend);
        using var oracle = new FullTextDecoder(_model.Network, _model.Backend, prompt, pixels, AnswerTokens);
        _ = Answer(fast, prompt, pixels, oracle);
    }

    [Test]
    public void Turns_over_kept_keys_give_the_logits_of_the_whole_conversation_and_compute_only_what_is_new()
    {
        using var decoder = new TextDecoder(_model.Network, _model.Backend);
        var (all, pixels) = (PromptLayout.Text([]), new List<float[]>());
        int[] picturesOfTurn = [1, 0, 2, 0];
        for (var turn = 0; turn < picturesOfTurn.Length; turn++)
        {
            var (said, seen) = Turn([5, turn], picturesOfTurn[turn], [8, 9], seed: 10 + turn);
            all = all.With(said);
            pixels.AddRange(seen);
            var (kept, rows) = (decoder.Length, decoder.RowsRun);
            using (var oracle = new FullTextDecoder(_model.Network, _model.Backend, all, pixels, AnswerTokens))
            {
                var answer = Answer(decoder, all, seen, oracle);
                Assert.That(decoder.RowsRun - rows, Is.EqualTo(all.Tokens.Count - kept + AnswerTokens - 1), "only what is not kept is computed");
                all = all.With(answer);
            }
            decoder.Rest();
        }
    }

    [Test]
    public void Keys_that_grow_are_the_same_keys()
    {
        var (first, _) = Turn([.. Enumerable.Range(0, 100)], 0, [], seed: 1);
        var all = first.With([.. Enumerable.Range(0, 150).Select(i => i % 256)]);
        using var grown = new TextDecoder(_model.Network, _model.Backend);
        using var roomy = new TextDecoder(_model.Network, _model.Backend);
        _ = Logits(grown, first, [], 1);
        _ = Logits(roomy, first, [], 1000);
        var small = grown.Bytes;
        float[] fromGrown = Logits(grown, all, [], 1000), fromRoomy = Logits(roomy, all, [], 1000);
        Assert.That(fromGrown, Is.EqualTo(fromRoomy), "to the bit");
        Assert.That(grown.Bytes, Is.GreaterThan(small));
        grown.Rest();
        roomy.Rest();
        Assert.That(grown.Bytes, Is.EqualTo(roomy.Bytes), "the old keys are freed");
    }

    [Test]
    public void Memory_that_runs_out_while_keys_grow_leaves_those_that_were()
    {
        using var backend = new Limited(_model.Backend);
        var (first, _) = Turn([.. Enumerable.Range(0, 100)], 0, [], seed: 1);
        var all = first.With([4, 5, 6]);
        using var decoder = new TextDecoder(_model.Network, backend);
        _ = Logits(decoder, first, [], 1);
        var kept = decoder.Length;
        // Six caches and the arena: what an attempt has grown, the next one does not.
        for (var allowed = 0; allowed < 4; allowed++)
        {
            backend.Left = allowed;
            Assert.That(() => Logits(decoder, all, [], 1000), Throws.InstanceOf<DeviceException>());
            Assert.That(decoder.Length, Is.EqualTo(kept));
        }
        backend.Left = int.MaxValue;
        using var whole = new TextDecoder(_model.Network, _model.Backend);
        Same(Logits(decoder, all, [], 1000), Logits(whole, all, [], 1000));
    }

    [Test]
    public void A_turn_taken_back_leaves_no_trace()
    {
        var (first, seen) = Turn([1, 2, 3], 1, [4], seed: 2);
        var other = first.With([50, 51, 52, 53, 54, 55, 56]);
        var next = first.With([60, 61]);
        using var decoder = new TextDecoder(_model.Network, _model.Backend);
        _ = Logits(decoder, first, seen, 5);
        var kept = decoder.Length;
        var straight = Logits(decoder, next, [], 5);
        decoder.Rewind(kept);
        _ = Logits(decoder, other, [], 5);
        _ = decoder.Next(default);
        decoder.Rewind(kept);
        var after = Logits(decoder, next, [], 5);
        Assert.That(after, Is.EqualTo(straight), "to the bit");
        Assert.That(() => decoder.Rewind(decoder.Length + 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase(3000, new int[0])]
    [TestCase(2000, new[] { 100, 900, 910 })]
    [TestCase(600, new[] { 0, 599 })]
    [TestCase(1, new int[0])]
    public void A_long_prompt_runs_in_pieces_that_cut_no_picture(int text, int[] picturesAt)
    {
        foreach (var grid in (Grid[])[s_grid, new Grid(1, 20, 30)])
        {
            var prompt = PromptLayout.Text([]);
            var written = 0;
            foreach (var at in picturesAt)
            {
                prompt = prompt.With(new int[at - written]).WithPicture(_model.Tokens, grid);
                written = at;
            }
            prompt = prompt.With(new int[text - written]);
            foreach (var from in (int[])[0, 1, prompt.Tokens.Count - 1])
            {
                if (from >= prompt.Tokens.Count || prompt.Spans.Any(span => span.Offset < from && span.End > from))
                    continue;
                var pieces = TextDecoder.Pieces(prompt, from);
                Assert.That(pieces[0].From, Is.EqualTo(from));
                Assert.That(pieces[^1].To, Is.EqualTo(prompt.Tokens.Count));
                Assert.That(pieces.Zip(pieces.Skip(1)), Is.All.Matches<((int, int To) One, (int From, int) Two)>(p => p.One.To == p.Two.From));
                foreach (var (begin, end) in pieces)
                {
                    var inside = prompt.Spans.Where(span => span.End > begin && span.Offset < end).ToList();
                    Assert.That(inside, Has.Count.LessThanOrEqualTo(1));
                    Assert.That(inside, Is.All.Matches<Span>(span => span.Offset >= begin && span.End <= end), "whole");
                    Assert.That(end - begin, Is.InRange(1, TextDecoder.TextRows + (inside.Count > 0 ? inside[0].Length : 0)));
                }
            }
        }
    }

    [Test]
    public void A_prompt_in_pieces_gives_the_logits_of_the_whole()
    {
        var numbers = new SeededNumbers(3);
        int[] words = [.. Enumerable.Range(0, TextDecoder.TextRows + 90).Select(_ => numbers.Below(256))];
        var (turn, seen) = Turn(words, 2, words[..70], seed: 6);
        using var decoder = new TextDecoder(_model.Network, _model.Backend);
        using var oracle = new FullTextDecoder(_model.Network, _model.Backend, turn, seen, 1);
        Same(Logits(decoder, turn, seen, 1), oracle.Logits([], default));
        Assert.That(decoder.RowsRun, Is.EqualTo(turn.Tokens.Count));
    }

    [Test]
    public void Turns_may_have_pictures_of_different_sizes()
    {
        var (first, seen) = Turn([1], 1, [2], seed: 7);
        var large = new Grid(1, 4, 5);
        var all = first.With([3]).WithPicture(_model.Tokens, large).With([4]);
        using var decoder = new TextDecoder(_model.Network, _model.Backend);
        _ = Logits(decoder, first, seen, 1);
        float[] pixels = new SeededNumbers(8).Floats(3 * 64 * 80);
        var kept = Logits(decoder, all, [pixels], 1);

        using var alone = new TextDecoder(_model.Network, _model.Backend);
        _ = Logits(alone, first, seen, 100);
        _ = Logits(alone, first.With([3]), [], 100);
        var inTwo = Logits(alone, all, [pixels], 100);
        Same(kept, inTwo);
        Assert.That(kept, Has.None.NaN);
    }

    [Test]
    public void More_tokens_than_there_is_room_for_are_an_error()
    {
        using var decoder = new TextDecoder(_model.Network, _model.Backend);
        Assert.That(() => decoder.Next(default), Throws.InvalidOperationException);
        foreach (var tokens in new[] { 1, 2 })
        {
            _ = Logits(decoder, PromptLayout.Text([.. Enumerable.Range(0, decoder.Length + 2)]), [], tokens);
            for (var i = 1; i < tokens; i++)
                _ = decoder.Next(default);
            Assert.That(() => decoder.Next(default), Throws.InvalidOperationException);
        }
        using var blind = new TextDecoder(_model.Network, _model.Backend);
        Assert.That(() => Logits(blind, Turn([1], 1, [2], 3).Prompt, [], 1), Throws.InvalidOperationException, "a picture is missing");
    }

    [Test]
    public void Nothing_is_left_when_it_is_disposed()
    {
        var before = CpuBuffer.Live;
        var (turn, seen) = Turn([1], 2, [2], seed: 7);
        using (var decoder = new TextDecoder(_model.Network, _model.Backend))
        {
            _ = Logits(decoder, turn, seen, 600);
            Assert.That(CpuBuffer.Live - before, Is.EqualTo(decoder.Bytes));
            decoder.Rest();
            Assert.That(CpuBuffer.Live - before, Is.EqualTo(decoder.Bytes));
            Assert.That(() => decoder.Begin(turn.With(turn), seen, 2000, TokenChoice.Greedy, new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        }
        Assert.That(CpuBuffer.Live, Is.EqualTo(before));
    }

    private (PromptLayout Prompt, List<float[]> Pixels) Turn(int[] before, int pictures, int[] after, int seed)
    {
        var prompt = PromptLayout.Text(before);
        var pixels = new List<float[]>();
        for (var i = 0; i < pictures; i++)
        {
            prompt = prompt.WithPicture(_model.Tokens, s_grid);
            pixels.Add(new SeededNumbers(seed * 10 + i).Floats(3 * 48 * 32));
        }
        return (prompt.With(after), pixels);
    }

    /// <summary>An answer of so many tokens, token by token against the oracle; the tokens.</summary>
    private static int[] Answer(TextDecoder decoder, PromptLayout prompt, IReadOnlyList<float[]> pixels, FullTextDecoder oracle)
    {
        List<int> answer = [decoder.Begin(prompt, pixels, AnswerTokens, TokenChoice.Greedy, default)];
        while (true)
        {
            var logits = decoder.ReadLogits();
            Same(logits, oracle.Logits(answer[..^1], default));
            Assert.That(answer[^1], Is.EqualTo(new TokenSampler(TokenChoice.Greedy).Pick(logits)));
            if (answer.Count == AnswerTokens)
                return [.. answer];
            answer.Add(decoder.Next(default));
        }
    }

    private static float[] Logits(TextDecoder decoder, PromptLayout prompt, IReadOnlyList<float[]> pixels, int maxTokens)
    {
        _ = decoder.Begin(prompt, pixels, maxTokens, TokenChoice.Greedy, default);
        return decoder.ReadLogits();
    }

    private static void Same(float[] actual, float[] expected)
    {
        var comparison = Comparison.Of(actual, expected);
        Assert.That(comparison.Within(PrefixToFull), $"{comparison}");
    }

    /// <summary>Another backend that gives out memory so many times.</summary>
    private sealed class Limited(IBackend backend) : IBackend
    {
        public int Left { get; set; } = int.MaxValue;

        public string Name => backend.Name;

        public IDeviceBuffer Allocate(long bytes, string what) => Left-- > 0 ? backend.Allocate(bytes, what) : throw new DeviceException($"not enough memory for {what}");

        public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => backend.Upload(source, destination, offset);

        public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => backend.Download(source, offset, destination);

        public bool FusesSwiGlu(MatMul product) => backend.FusesSwiGlu(product);

        public GraphProgram Prepare(Plan plan, IMemoryMap memory, BatchBounds bounds) => backend.Prepare(plan, memory, bounds);

        public void Dispose() { }
    }
}
