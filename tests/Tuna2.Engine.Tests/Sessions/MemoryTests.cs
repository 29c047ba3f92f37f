using System.Diagnostics.CodeAnalysis;
using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>What requests take is what was estimated, and what does not fit is refused before it is taken.</summary>
[CancelAfter(60_000)]
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The model goes with the fixture's tear-down.")]
public class MemoryTests
{
    private const string Prompt = "a large green square above a small red circle";

    private MeteredBackend _machine = null!;
    private TunaModel _model = null!;
    private TunaSession _session = null!;
    private Checkpoint _checkpoint = null!;
    private long _taken;

    [OneTimeSetUp]
    public async Task Load()
    {
        _machine = new MeteredBackend();
        _model = await TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => new(_machine), null, default);
        _session = _model.CreateSession();
        _checkpoint = Checkpoint.Open(DemoModel.Directory);
        _taken = _machine.Taken;
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _checkpoint.Dispose();
        _session.Dispose();
        _model.Dispose();
    }

    [SetUp]
    public void Reset()
    {
        _machine.AvailableBytes = null;
        _machine.Reset();
    }

    [Test]
    public void The_weights_are_estimated_as_they_are_taken()
    {
        Assert.That(MemoryEstimate.Generate(_model.Config, _checkpoint).WeightBytes, Is.EqualTo(_taken).And.EqualTo(_model.WeightBytes));
    }

    private static IEnumerable<ImageOptions> Pictures() =>
    [
        new() { Steps = 2, Width = 64, Height = 64 },
        new() { Steps = 3, Width = 96, Height = 48, Guidance = 1 },
        new() { Steps = 70, Width = 16, Height = 32, Sampler = SamplerKind.Heun },
        new() { Steps = 2, Width = 32, Height = 48, Count = 4, Batch = 3 },
        new() { Steps = 2, Width = 48, Height = 32, Count = 2, Batch = 8, Guidance = 1 },
    ];

    [TestCaseSource(nameof(Pictures))]
    public async Task Pictures_take_what_was_estimated(ImageOptions options, CancellationToken timeout)
    {
        var tokens = _model.Tokenizer.Encode(Prompt).Length;
        options = options with { NegativePrompt = Prompt };
        await Check(MemoryEstimate.Generate(_model.Config, _checkpoint, options, tokens), () => _session.GenerateAsync(Prompt, options, null, timeout));
        await Check(MemoryEstimate.Edit(_model.Config, _checkpoint, options, tokens), () => _session.EditAsync(DemoModel.Picture, Prompt, options, null, timeout));
        await Check(MemoryEstimate.Reconstruct(_model.Config, _checkpoint, options, tokens), () => _session.ReconstructAsync(DemoModel.Picture, options, null, timeout));
    }

    [TestCase(1, null)]
    [TestCase(40, 32)]
    public async Task An_answer_takes_what_was_estimated(int maxTokens, int? width, CancellationToken timeout)
    {
        var options = new AskOptions { MaxTokens = maxTokens, Width = width };
        var chat = ChatTemplate.Format([new(ChatRole.System, ChatTemplate.DefaultSystemPrompt), new(ChatRole.User, "<image>\n" + Prompt)]);
        await Check(MemoryEstimate.Ask(_model.Config, _checkpoint, options, _model.Tokenizer.Encode(chat).Length),
            async () => await _session.AskAsync(DemoModel.Picture, Prompt, options, timeout).ToListAsync(timeout));
    }

    [Test]
    public void A_thousand_steps_take_no_more_than_a_hundred()
    {
        MemoryEstimate Of(int steps) => MemoryEstimate.Generate(_model.Config, _checkpoint, new() { Steps = steps });
        Assert.That(Of(1000), Is.EqualTo(Of(100)));
        Assert.That(Of(100).TableBytes, Is.GreaterThan(Of(50).TableBytes));
    }

    [Test]
    public void What_cannot_be_asked_for_is_not_estimated()
    {
        Refused(() => MemoryEstimate.Generate(_model.Config, _checkpoint, new() { Width = 17 }), "width");
        Refused(() => MemoryEstimate.Generate(_model.Config, _checkpoint, null, 0), "prompt tokens");
        Refused(() => MemoryEstimate.Edit(_model.Config, _checkpoint, null, 1_000_000), "prompt tokens");
        Refused(() => MemoryEstimate.Ask(_model.Config, _checkpoint, null, TunaSession.MaxChatTokens), "prompt tokens");
        Refused(() => MemoryEstimate.Ask(_model.Config, _checkpoint, new() { MaxTokens = 0 }), "answer tokens");
        Refused(() => MemoryEstimate.Generate(_model.Config, _checkpoint, threads: -1), "threads");

        static void Refused(Action estimate, string word) => Assert.That(() => estimate(), Throws.TypeOf<RequestException>().With.Message.Contains(word));
    }

    [Test]
    public async Task A_request_that_does_not_fit_is_refused_in_one_line_and_takes_nothing(CancellationToken timeout)
    {
        var options = new ImageOptions { Steps = 1, Width = 256, Height = 128 };
        var needed = Needed(MemoryEstimate.Generate(_model.Config, _checkpoint, options, _model.Tokenizer.Encode(Prompt).Length));
        options = options with { NegativePrompt = Prompt };
        _machine.AvailableBytes = needed - 1;
        await Refused(() => _session.GenerateAsync(Prompt, options, null, timeout), "256x128", "guidance 1", "can be had");
        await Refused(() => _session.EditAsync(DemoModel.Picture, Prompt, options, null, timeout), "256x128");
        await Refused(() => _session.ReconstructAsync(DemoModel.Picture, options, null, timeout), "256x128");
        await Refused(() => _session.GenerateAsync(Prompt, options with { Count = 4, Batch = 3 }, null, timeout), "a batch of 3, each a picture of 256x128", "a smaller batch");
        _machine.AvailableBytes = 1000;
        await Refused(async () => await _session.AskAsync(DemoModel.Picture, Prompt, null, timeout).ToListAsync(timeout), "chat", "shorter answer");
        Assert.That(_machine.Taken, Is.Zero);

        _machine.AvailableBytes = needed;
        Assert.That(await _session.GenerateAsync(Prompt, options, null, timeout), Has.Count.EqualTo(1), "the session goes on");
    }

    [Test]
    public async Task A_model_that_does_not_fit_is_refused_before_a_weight_is_read(CancellationToken timeout)
    {
        var least = MemoryEstimate.Least(_model.Config, _checkpoint);
        var live = CpuBuffer.Live;
        var machine = new MeteredBackend { AvailableBytes = Needed(least) + least.WeightBytes - 1 };
        var reports = 0;
        await Refused(() => LoadAsync(machine), "tuna2-shapes", "8.8 MiB", "can be had");
        Assert.That((machine.Taken, reports, CpuBuffer.Live), Is.EqualTo((0L, 0, live)));

        machine = new MeteredBackend { AvailableBytes = Needed(least) + least.WeightBytes };
        using var model = await LoadAsync(machine);
        Assert.That(reports, Is.Positive);

        Task<TunaModel> LoadAsync(MeteredBackend on) =>
            TunaModel.LoadAsync(ModelFiles.Of(DemoModel.Directory), () => new(on), new Listener<LoadProgress>(_ => reports++), timeout);
    }

    [Test]
    public async Task Times_that_do_not_fit_one_window_give_the_picture_of_those_that_do(CancellationToken timeout)
    {
        // The window of 64 slides for 150 steps; a second picture starts from the first window again.
        var options = new ImageOptions { Steps = 150, Width = 32, Height = 32, Guidance = 1, Count = 2, Seed = 5 };
        var both = await _session.GenerateAsync(Prompt, options, null, timeout);
        var second = await _session.GenerateAsync(Prompt, options with { Count = 1, Seed = 6 }, null, timeout);
        Assert.That(both[1].Bytes(), Is.EqualTo(second[0].Bytes()));
        Assert.That(both[0].Bytes(), Is.Not.EqualTo(second[0].Bytes()));
    }

    private async Task Check(MemoryEstimate estimate, Func<Task> request)
    {
        _machine.Reset();
        await request();
        Assert.That(_machine.Taken, Is.EqualTo(Needed(estimate)), $"{estimate}");
        Assert.That(estimate.ActivationBytes, Is.LessThan(estimate.NaiveActivationBytes / 3));
        Assert.That(estimate.TotalBytes, Is.EqualTo(estimate.WeightBytes + Needed(estimate) + estimate.ProcessBytes));
    }

    private static long Needed(MemoryEstimate estimate) => estimate.ActivationBytes + estimate.KeyValueBytes + estimate.TableBytes;

    private static async Task Refused(Func<Task> call, params string[] words)
    {
        var message = (await Assert.ThrowsAsync<DeviceException>(call))!.Message;
        TestContext.Out.WriteLine(message);
        foreach (var word in words)
            Assert.That(message, Does.Contain(word));
        Assert.That(message, Does.StartWith("not enough memory").And.Not.Contain("\n"));
    }
}
