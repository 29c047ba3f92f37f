using NUnit.Framework;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Sessions;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Answers whose tokens are picked on the device, a captured step each.</summary>
[CancelAfter(300_000)]
public class CudaDecodeTests
{
    private const int Unknown = 999;

    private static readonly string[] _inTheLoop =
        ["cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2", "cuGraphLaunch", "cuMemcpyDtoHAsync_v2", "cuEventRecord", "cuEventSynchronize"];

    private static readonly TokenChoice _drawn = new(1.5f, 40, 0.95f, Seed: 7, Drawn: 3);

    [TestCase(ComputeType.F32)]
    [TestCase(ComputeType.BF16)]
    public async Task Replayed_tokens_and_their_logits_have_the_bits_of_plain_launches(ComputeType type, CancellationToken timeout)
    {
        const int tokens = 4;
        var made = new List<(int[] Tokens, float[] Logits)>();
        foreach (var graphs in new[] { true, false })
        {
            using var fake = FakeCuda.Executing();
            using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, type, graphs, cancellation: timeout))
            {
                using var decoder = new TextDecoder(model.Network, model.Backend);
                var (prompt, drawn) = (PromptLayout.Text([5, 9, 11]), new List<int>());
                drawn.Add(decoder.Begin(prompt, [], tokens, _drawn, timeout));
                Assert.That(drawn[0], Is.EqualTo(new TokenSampler(_drawn).Pick(decoder.ReadLogits())), "as the CPU draws from the same logits");
                for (var i = 1; i < tokens; i++)
                    drawn.Add(decoder.Next(timeout));
                decoder.Settle();
                var logits = decoder.ReadLogits();
                Assert.That(drawn[^1], Is.EqualTo(new TokenSampler(_drawn with { Drawn = _drawn.Drawn + tokens - 1 }).Pick(logits)), "each with the next number of the seed");
                Assert.That(Count(fake, "cuGraphLaunch"), Is.EqualTo(graphs ? tokens - 1 : 0));
                Assert.That(Count(fake, "cuGraphInstantiateWithFlags"), Is.EqualTo(graphs ? 1 : 0), "one graph for all tokens");
                made.Add(([.. drawn], logits));
            }
            FakeCuda.AssertNothingLeft(fake);
        }
        Assert.That(made[0].Tokens, Is.EqualTo(made[1].Tokens));
        Assert.That(made[0].Logits, Is.EqualTo(made[1].Logits), "to the bit");
    }

    [Test]
    public async Task Turns_over_kept_keys_give_the_tokens_of_the_CPU(CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using var cpu = await DemoModel.LoadAsync();
        using var gpu = await FakeCuda.LoadAsync(fake, DemoModel.Directory, ComputeType.F32, cancellation: timeout);
        Assert.That(Turns(gpu), Is.EqualTo(Turns(cpu)));

        List<int> Turns(TunaModel model)
        {
            using var decoder = new TextDecoder(model.Network, model.Backend);
            var said = PromptLayout.Text([1, 2]);
            var all = new List<int>();
            for (var turn = 0; turn < 2; turn++)
            {
                List<int> answer = [decoder.Begin(said, [], 3, TokenChoice.Greedy, timeout)];
                // The second answer ends early: what was computed ahead of its end counts nowhere.
                if (turn == 0)
                    answer.Add(decoder.Next(timeout));
                Assert.That(decoder.Length, Is.EqualTo(said.Tokens.Count + answer.Count - 1));
                decoder.Settle();
                decoder.Rest();
                said = said.With(answer).With([7, 8]);
                all.AddRange(answer);
            }
            return all;
        }
    }

    [Test]
    public async Task A_token_is_a_replay_a_word_and_a_mark_and_the_host_is_one_ahead(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var decoder = new TextDecoder(model.Network, model.Backend);
        _ = decoder.Begin(PromptLayout.Text([1, 2, 3]), [], 20, TokenChoice.Greedy, timeout);
        fake.ClearCalls();
        for (var i = 1; i < 20; i++)
        {
            _ = decoder.Next(timeout);
            Assert.That(Count(fake, "cuGraphLaunch"), Is.EqualTo(Math.Min(i + 1, 19)));
        }
        Assert.That(fake.Calls.Distinct(), Is.SubsetOf(_inTheLoop));
        Assert.That(Count(fake, "cuMemcpyDtoHAsync_v2"), Is.EqualTo(19));
        Assert.That(() => decoder.Next(timeout), Throws.InvalidOperationException);
    }

    [Test]
    public async Task An_answer_is_cancelled_between_tokens(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            using var decoder = new TextDecoder(model.Network, model.Backend);
            using var cancel = new CancellationTokenSource();
            _ = decoder.Begin(PromptLayout.Text([1, 2, 3]), [], 9, TokenChoice.Greedy, cancel.Token);
            _ = decoder.Next(cancel.Token);
            var queued = Count(fake, "cuGraphLaunch");
            cancel.Cancel();
            Assert.That(() => decoder.Next(cancel.Token), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(Count(fake, "cuGraphLaunch"), Is.EqualTo(queued));
            Assert.That(decoder.Length, Is.EqualTo(4));
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    /// <summary>Every call of an answer, one after the other.</summary>
    [Test]
    public async Task Every_call_of_an_answer_may_fail(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            int[] expected = Answer(model);
            var (live, memory) = (fake.Live, fake.MemoryUsed);
            fake.ClearCalls();
            _ = Answer(model);
            var calls = fake.Calls;
            Assert.That(calls, Does.Contain("cuGraphLaunch").And.Contain("cuMemHostAlloc").And.Contain("cuStreamEndCapture"));
            for (var n = 1; n <= calls.Count; n++)
            {
                // Push and pop are of every call; their failures are CudaFaultTests' matter.
                if (calls[n - 1] is "cuCtxPushCurrent_v2" or "cuCtxPopCurrent_v2" || n > 40 && n < calls.Count - 60 && calls[n - 1] is "cuLaunchKernel")
                    continue;
                var where = $"call {n} of {calls.Count}, {calls[n - 1]}";
                fake.Fail("", Unknown, n);
                if (Caught(() => Answer(model)) is { } error)
                    Assert.That(error, Is.TypeOf<DeviceException>(), where);
                else
                    Assert.That(calls[n - 1], Does.Match("Free|Destroy"), $"{where}: no error");
                fake.Fail("", Unknown, 0);
                // A copy that failed takes its pinned memory with it; the next one has new.
                Assert.That(Answer(model), Is.EqualTo(expected), where);
                Assert.That((fake.Live, fake.MemoryUsed, fake.Depth), Is.EqualTo((live, memory, 0)), where);
            }
        }
        FakeCuda.AssertNothingLeft(fake);

        static int[] Answer(TunaModel model)
        {
            using var decoder = new TextDecoder(model.Network, model.Backend);
            List<int> tokens = [decoder.Begin(PromptLayout.Text([1, 2, 3]), [], 4, TokenChoice.Greedy, default)];
            while (tokens.Count < 4)
                tokens.Add(decoder.Next(default));
            decoder.Settle();
            return [.. tokens];
        }
    }

    /// <summary>A token's step is captured once, as long as all it depends on is as it was.</summary>
    [Test]
    public async Task The_second_answer_of_a_session_replays_what_the_first_captured(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            using var session = model.CreateSession();
            // What the first request loads stays, and what it copies through.
            await Ask(300);
            model.TrimMemory();
            var (live, memory) = (fake.Live, fake.MemoryUsed);
            fake.ClearCalls();

            await Ask(4);
            Assert.That(Captures(), Is.EqualTo(1));
            var launches = Count(fake, "cuGraphLaunch");
            await Ask(4);
            await Ask(3, seed: 2);
            Assert.That(Captures(), Is.EqualTo(1), "greedy needs no seed, and fewer tokens have room in its tables");
            Assert.That(Count(fake, "cuGraphLaunch"), Is.EqualTo(launches + 3 + 2));
            await Ask(4, temperature: 1, seed: 2);
            Assert.That(Captures(), Is.EqualTo(2), "how a token is drawn is an argument of the launch");
            await Ask(4);
            await Ask(4, temperature: 1, seed: 2);
            Assert.That(Captures(), Is.EqualTo(2), "each has its own");
            Assert.That(model.Slots.UnusedDecoders, Is.EqualTo(SlotPool.MostUnusedDecoders));
            await Ask(300);
            Assert.That(Captures(), Is.EqualTo(3), "neither keys nor tables have room for so many");
            Assert.That(model.Slots.UnusedDecoders, Is.EqualTo(SlotPool.MostUnusedDecoders));
            await Ask(300);
            Assert.That(Captures(), Is.EqualTo(3));

            model.TrimMemory();
            Assert.That((fake.Live, fake.MemoryUsed, model.Slots.UnusedDecoders), Is.EqualTo((live, memory, 0)));
            await Ask(4);
            Assert.That(Captures(), Is.EqualTo(4), "what is freed is captured again");

            async Task Ask(int tokens, float temperature = 0, long seed = 0)
            {
                await foreach (var _ in session.AskAsync("what?", null, new() { MaxTokens = tokens, Temperature = temperature, Seed = seed }, timeout))
                {
                    // Read to its end.
                }
            }
        }
        FakeCuda.AssertNothingLeft(fake);

        int Captures() => Count(fake, "cuGraphInstantiateWithFlags");
    }

    [Test]
    public async Task The_turns_of_a_conversation_replay_one_step_until_its_keys_move(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using (var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout))
        {
            using var session = model.CreateSession();
            using (var chat = session.StartConversation(new() { MaxTokens = 4 }))
            {
                foreach (var (question, captures) in new[] { ("what?", 1), ("and then?", 1), (string.Concat(Enumerable.Repeat("and ", 300)), 2), ("so?", 2) })
                {
                    await foreach (var _ in chat.AskAsync(question, cancellation: timeout))
                    {
                        // Read to its end.
                    }
                    Assert.That(Count(fake, "cuGraphInstantiateWithFlags"), Is.EqualTo(captures), question);
                }
                model.TrimMemory();
                Assert.That(model.Slots.UnusedDecoders, Is.Zero);
            }
            Assert.That(model.Slots.UnusedDecoders, Is.EqualTo(1), "a conversation keeps its own until it ends");
            model.TrimMemory();
            await foreach (var _ in session.AskAsync("what?", null, new() { MaxTokens = SlotPool.MostUnusedPositions }, timeout))
            {
                // Read to its end.
            }
            Assert.That(model.Slots.UnusedDecoders, Is.Zero, "so many keys and values are not kept for nobody");
        }
        FakeCuda.AssertNothingLeft(fake);
    }

    /// <summary>Kept steps give the tokens of new ones: nothing of the answer before is left in them.</summary>
    [TestCase(ComputeType.F32)]
    [TestCase(ComputeType.BF16)]
    public async Task A_kept_step_gives_the_tokens_and_logits_of_a_new_one(ComputeType type, CancellationToken timeout)
    {
        using var fake = FakeCuda.Executing();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, type, cancellation: timeout);
        using var kept = new TextDecoder(model.Network, model.Backend);
        PromptLayout first = PromptLayout.Text([5, 9, 11]), second = PromptLayout.Text([3, 1, 4, 1, 5]);
        _ = Answer(kept, first, _drawn);
        kept.Forget();
        var captures = Count(fake, "cuGraphInstantiateWithFlags");
        var (tokens, logits) = Answer(kept, second, _drawn with { Drawn = 8 });
        Assert.That(Count(fake, "cuGraphInstantiateWithFlags"), Is.EqualTo(captures));
        using var fresh = new TextDecoder(model.Network, model.Backend);
        var expected = Answer(fresh, second, _drawn with { Drawn = 8 });
        Assert.That(tokens, Is.EqualTo(expected.Tokens));
        Assert.That(logits, Is.EqualTo(expected.Logits), "to the bit");

        (int[] Tokens, float[] Logits) Answer(TextDecoder decoder, PromptLayout prompt, TokenChoice choice)
        {
            List<int> drawn = [decoder.Begin(prompt, [], 3, choice, timeout)];
            while (drawn.Count < 3)
                drawn.Add(decoder.Next(timeout));
            decoder.Settle();
            var made = (drawn.ToArray(), decoder.ReadLogits());
            decoder.Rest();
            return made;
        }
    }

    [Test]
    public async Task Keys_that_grow_are_copied_on_the_device(CancellationToken timeout)
    {
        using var fake = new FakeDriver();
        using var model = await FakeCuda.LoadAsync(fake, DemoModel.Directory, cancellation: timeout);
        using var decoder = new TextDecoder(model.Network, model.Backend);
        var prompt = PromptLayout.Text(new int[200]);
        _ = decoder.Begin(prompt, [], 1, TokenChoice.Greedy, timeout);
        fake.ClearCalls();
        decoder.Prepare(prompt.With(new int[200]), 1, TokenChoice.Greedy);
        Assert.That(Count(fake, "cuMemcpyDtoDAsync_v2"), Is.EqualTo(2 * model.Config.NumHiddenLayers));
        Assert.That(fake.Calls, Has.None.AnyOf("cuMemcpyDtoHAsync_v2", "cuMemcpyHtoDAsync_v2", "cuEventSynchronize"));
    }

    private static int Count(FakeDriver fake, string call) => fake.Calls.Count(c => c == call);

    private static Exception? Caught(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
