using NUnit.Framework;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Tests.Parity;
using Tuna2.Engine.Tests.Weights;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>A model of latents through the same calls as one of pixels.</summary>
[CancelAfter(120_000)]
public class TunaVariantTests
{
    private static readonly ImageOptions _small = new() { Width = 48, Height = 32, Steps = 3, Seed = 5 };

    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTuna();
        _model = await TunaModel.LoadAsync(Fixtures.Path("tunavae-tiny"), new() { Device = "cpu", Threads = 2 });
        _session = _model.CreateSession();
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _session.Dispose();
        _model.Dispose();
    }

    [Test]
    public async Task Its_directory_alone_makes_it_draw_edit_draw_again_and_answer(CancellationToken timeout)
    {
        var drawn = (await _session.GenerateAsync("a red circle", _small, null, timeout))[0];
        var other = (await _session.GenerateAsync("a red circle", _small with { Seed = 6 }, null, timeout))[0];
        var again = (await _session.GenerateAsync("a red circle", _small, null, timeout))[0];
        Assert.That((drawn.Image.Width, drawn.Image.Height), Is.EqualTo((48, 32)));
        Assert.That(again.Bytes(), Is.EqualTo(drawn.Bytes()).And.Not.EqualTo(other.Bytes()));
        Assert.That((drawn.Parameters.Steps, drawn.Parameters.Guidance, drawn.Parameters.NegativePrompt), Is.EqualTo((3, 7.5f, GenerationDefaults.OfficialNegativePrompt)));

        var edited = (await _session.EditAsync(DemoModel.Picture, "make it blue", _small, null, timeout))[0];
        var elsewhere = (await _session.EditAsync(drawn.Image, "make it blue", _small, null, timeout))[0];
        Assert.That(edited.Bytes(), Is.Not.EqualTo(elsewhere.Bytes()), "the source is seen");

        var redrawn = await _session.ReconstructAsync(DemoModel.Picture, _small, null, timeout);
        Assert.That(redrawn.Parameters.Seed, Is.Null);

        var answer = string.Concat(await _session.AskAsync(DemoModel.Picture, "What is it?", new() { Width = 48, Height = 32, MaxTokens = 4 }, timeout).ToListAsync(timeout));
        Assert.That(answer, Is.Not.Empty);
    }

    [Test]
    public async Task Steps_are_times_one_more_than_the_moves(CancellationToken timeout)
    {
        var told = new List<GenerationProgress>();
        await _session.GenerateAsync("a red circle", _small with { Steps = 5, PreviewEvery = 2 }, new Listener<GenerationProgress>(told.Add), timeout);
        Assert.That(told.Select(p => (p.Step, p.Steps)), Is.EqualTo(new[] { (1, 4), (2, 4), (3, 4), (4, 4) }));
        Assert.That(told.Where(p => p.Preview is { Width: 48, Height: 32 }).Select(p => p.Step), Is.EqualTo(new[] { 2 }));
        Assert.That(() => _session.GenerateAsync("a red circle", _small with { Steps = 1 }, null, timeout), Throws.TypeOf<RequestException>().With.Message.EqualTo("steps must be 2 to 1000, not 1"));
    }

    [Test]
    public void Sides_are_multiples_of_what_a_latents_cell_covers() =>
        Assert.That(() => _session.GenerateAsync("a red circle", _small with { Width = 50 }), Throws.TypeOf<RequestException>().With.Message.EqualTo("width must be a multiple of 16 from 16 to 4096, not 50"));

    [Test]
    public async Task A_conversation_sees_its_picture_again_without_encoding_it_again(CancellationToken timeout)
    {
        var options = new AskOptions { Width = 32, Height = 32, MaxTokens = 3 };
        using var chat = _session.StartConversation(options);
        await chat.AskAsync("What is it?", [DemoModel.Picture], null, timeout).ToListAsync(timeout);
        var rows = chat.Chat.RowsRun;
        await chat.AskAsync("And now?", null, null, timeout).ToListAsync(timeout);
        Assert.That(chat.Chat.RowsRun - rows, Is.LessThan(rows / 2));
        Assert.That(chat.History, Has.Count.EqualTo(2));
    }

    private static readonly VideoOptions _clip = new() { Width = 48, Height = 32, Frames = 9, Steps = 3, Guidance = 2, Seed = 5 };

    [Test]
    public async Task A_clip_is_made_of_as_many_frames_and_again_the_same(CancellationToken timeout)
    {
        var told = new List<GenerationProgress>();
        var first = await _session.GenerateVideoAsync("a red circle moves", _clip with { PreviewEvery = 1 }, new Listener<GenerationProgress>(told.Add), timeout);
        var second = await _session.GenerateVideoAsync("a red circle moves", _clip with { FramesPerSecond = 8 }, null, timeout);
        Assert.That((first.Clip.Frames.Count, first.Clip.Width, first.Clip.Height, first.Clip.FramesPerSecond, second.Clip.FramesPerSecond), Is.EqualTo((9, 48, 32, 16.0, 8.0)));
        Assert.That(Bytes(second.Clip), Is.EqualTo(Bytes(first.Clip)), "previews and the rate change nothing");
        Assert.That(first.Clip.Frames.Select(frame => Convert.ToHexString(frame.Pixels.Span)).Distinct().Count(), Is.EqualTo(9));
        Assert.That(told.Select(p => (p.Step, p.Steps, p.Preview?.Width)), Is.EqualTo(new (int, int, int?)[] { (1, 2, 48), (2, 2, null) }));
        Assert.That((first.Parameters.Task, first.Parameters.Frames, first.Parameters.NegativePrompt, first.Parameters.Seed), Is.EqualTo(("video", 9, "", 5L)));
        Assert.That(GenerationParameters.Parse(first.Parameters.ToJson()), Is.EqualTo(first.Parameters));
    }

    [Test]
    public async Task What_a_clip_is_made_of_besides_matters(CancellationToken timeout)
    {
        var plain = Bytes((await _session.GenerateVideoAsync("a red circle moves", _clip, null, timeout)).Clip);
        foreach (var other in new[] { _clip with { Seed = 6 }, _clip with { Guidance = 3 }, _clip with { Steps = 4 }, _clip with { Sampler = SamplerKind.Heun }, _clip with { NegativePrompt = "blue" } })
            Assert.That(Bytes((await _session.GenerateVideoAsync("a red circle moves", other, null, timeout)).Clip), Is.Not.EqualTo(plain), $"{other}");
    }

    [TestCase(1, "frames must be 1 and a multiple of 4, from 5 to 1441, not 1")]
    [TestCase(8, "not 8")]
    [TestCase(1445, "not 1445")]
    [TestCase(-3, "not -3")]
    public void A_clips_frames_are_1_and_whole_latent_ones(int frames, string message) => Refused(_clip with { Frames = frames }, message);

    [Test]
    public void A_clips_options_are_checked()
    {
        Refused(_clip with { Width = 40 }, "width");
        Refused(_clip with { Steps = 1 }, "steps must be 2 to 1000, not 1");
        Refused(_clip with { FramesPerSecond = 0 }, "frames per second");
        Assert.That(() => _session.GenerateVideoAsync(" ", _clip), Throws.TypeOf<RequestException>().With.Message.Contains("prompt is empty"));
    }

    [Test]
    public async Task A_clip_is_asked_about_and_its_frames_matter(CancellationToken timeout)
    {
        var options = new AskOptions { Width = 32, Height = 32, MaxTokens = 6 };
        var still = new VideoClip(Enumerable.Repeat(DemoModel.Picture, 5));
        var moving = new VideoClip([.. Enumerable.Repeat(DemoModel.Picture, 4), new RgbImage(DemoModel.Picture.Width, DemoModel.Picture.Height, new byte[DemoModel.Picture.Pixels.Length])]);
        using var chat = _session.StartConversation(options);
        await chat.AskClipAsync(still, "What moves?", null, timeout).ToListAsync(timeout);
        var (rows, turn) = (chat.Chat.RowsRun, chat.History[0]);
        Assert.That((turn.Pictures, turn.Clip), Is.EqualTo((5, true)));
        await chat.AskAsync("And now?", null, null, timeout).ToListAsync(timeout);
        Assert.That((chat.History[1].Pictures, chat.History[1].Clip), Is.EqualTo((0, false)));
        Assert.That(chat.Chat.RowsRun, Is.LessThan(2 * rows), "the clip is kept");

        float[] logits = Logits(still, full: false), other = Logits(moving, full: false);
        Assert.That(Comparison.Of(logits, Logits(still, full: true)).Within(1e-5), "the path that keeps keys, and the one that does not");
        Assert.That(Comparison.Of(other, logits).RelativeError, Is.GreaterThan(1e-3), "the last frames are seen");

        float[] Logits(VideoClip clip, bool full)
        {
            var request = AskRequest.Of("What moves?", clip, options, _model);
            var seen = request.Encode(_model, timeout);
            using var decoder = new TextDecoder(_model.Network, _model.Backend);
            using var oracle = new FullTextDecoder(_model.Network, _model.Backend, request.Turn, seen, 1);
            if (full)
                return oracle.Logits([], timeout);
            _ = decoder.Begin(request.Turn, seen, 1, TokenChoice.Greedy, timeout);
            return decoder.ReadLogits();
        }
    }

    [Test]
    public void A_clip_of_another_number_of_frames_is_refused()
    {
        var clip = new VideoClip(Enumerable.Repeat(DemoModel.Picture, 6));
        Assert.That(() => _session.AskClipAsync(clip, "What moves?"), Throws.TypeOf<RequestException>().With.Message.EqualTo("a clip has 1, 5, 9, ... frames, not 6"));
    }

    [Test]
    public async Task A_model_of_pixels_neither_makes_nor_sees_clips()
    {
        using var model = await DemoModel.LoadAsync();
        using var session = model.CreateSession();
        Assert.That(() => session.GenerateVideoAsync("waves"), Throws.TypeOf<RequestException>().With.Message.EqualTo("variant tuna_2_pixel makes pictures only: clips take a model of variant tuna"));
        Assert.That(() => session.AskClipAsync(new VideoClip([DemoModel.Picture]), "What?"), Throws.TypeOf<RequestException>().With.Message.EqualTo("variant tuna_2_pixel sees pictures only: clips take a model of variant tuna"));
    }

    [Test]
    public async Task What_requests_take_is_what_is_estimated(CancellationToken timeout)
    {
        const string prompt = "a red circle moves";
        var tokens = _model.Tokenizer.Encode(prompt).Length;
        var machine = new MeteredBackend();
        using var model = await TunaModel.LoadAsync(ModelFiles.Of(Fixtures.Path("tunavae-tiny")), () => new(machine), null, timeout);
        using var session = model.CreateSession();
        using var checkpoint = Checkpoint.Open(Fixtures.Path("tunavae-tiny"));
        var picture = _small with { NegativePrompt = prompt };
        await Check(MemoryEstimate.Generate(model.Config, checkpoint, picture, tokens), () => session.GenerateAsync(prompt, picture, null, timeout));
        var clip = _clip with { NegativePrompt = prompt };
        await Check(MemoryEstimate.Video(model.Config, checkpoint, clip, tokens), () => session.GenerateVideoAsync(prompt, clip, null, timeout));

        var large = picture with { Width = 96, Height = 80, Steps = 2, VaeTile = 64 };
        await Check(MemoryEstimate.Generate(model.Config, checkpoint, large, tokens), () => session.GenerateAsync(prompt, large, null, timeout));
        var largeClip = clip with { Width = 96, Height = 64, Frames = 5, Steps = 2, VaeTile = 64 };
        await Check(MemoryEstimate.Video(model.Config, checkpoint, largeClip, tokens), () => session.GenerateVideoAsync(prompt, largeClip, null, timeout));

        machine.AvailableBytes = 100_000;
        var message = (await Assert.ThrowsAsync<DeviceException>(() => session.GenerateVideoAsync(prompt, clip, null, timeout)))!.Message;
        Assert.That(message, Does.StartWith("not enough memory for the VAE at 48x32").And.EndsWith("a smaller picture or VAE tile takes less").And.Not.Contain("\n"));

        async Task Check(MemoryEstimate estimate, Func<Task> request)
        {
            machine.Reset();
            await request();
            Assert.That(estimate.VaeBytes, Is.Positive);
            Assert.That(machine.Taken, Is.EqualTo(estimate.TotalBytes - estimate.WeightBytes - estimate.ProcessBytes), $"{estimate}");
        }
    }

    /// <summary>The VAE under the model's names or the published ones, in the model's file or in its own: the same model.</summary>
    [TestCase("vae.safetensors", false)]
    [TestCase("vae.safetensors", true)]
    [TestCase("Wan2.2_VAE.safetensors", true)]
    [TestCase("Wan2.2_VAE.pth", true)]
    public async Task The_VAE_may_lie_in_its_own_file(string file, bool bare)
    {
        using var directory = new TemporaryDirectory();
        Copy(directory, "config.json", "tokenizer.json");
        using (var checkpoint = Checkpoint.Open(Fixtures.Path("tunavae-tiny")))
        {
            TensorData Data(TensorInfo t, string name) => new(name, t.DType, t.Shape, checkpoint.ReadBytes(t.Name));
            bool OfVae(TensorInfo t) => t.Name.StartsWith("vae.", StringComparison.Ordinal);
            SafetensorsWriter.Write(directory.File("model.safetensors"), [.. checkpoint.Tensors.Values.Where(t => !OfVae(t)).Select(t => Data(t, t.Name))]);
            var vae = checkpoint.Tensors.Values.Where(OfVae).Select(t => (Tensor: t, Name: bare ? t.Name["vae.model.".Length..] : t.Name)).ToList();
            if (file.EndsWith(".pth", StringComparison.Ordinal))
                directory.Write(file, TorchWriter.File(vae.Select(t => (t.Name, t.Tensor.DType, t.Tensor.Shape.ToArray(), checkpoint.ReadBytes(t.Tensor.Name))), "Wan2.2_VAE"));
            else
                SafetensorsWriter.Write(directory.File(file), [.. vae.Select(t => Data(t.Tensor, t.Name))]);
        }
        using var model = await TunaModel.LoadAsync(directory.Path, new() { Device = "cpu", Threads = 2 });
        using var session = model.CreateSession();
        Assert.That((await session.ReconstructAsync(DemoModel.Picture, _small)).Bytes(), Is.EqualTo((await _session.ReconstructAsync(DemoModel.Picture, _small)).Bytes()));
    }

    [Test]
    public void A_model_without_its_VAE_is_refused_in_one_line()
    {
        using var directory = new TemporaryDirectory();
        Copy(directory, "config.json", "tokenizer.json");
        using (var checkpoint = Checkpoint.Open(Fixtures.Path("tunavae-tiny")))
            SafetensorsWriter.Write(directory.File("model.safetensors"), [.. checkpoint.Tensors.Values.Where(t => !t.Name.StartsWith("vae.", StringComparison.Ordinal)).Select(t => new TensorData(t.Name, t.DType, t.Shape, checkpoint.ReadBytes(t.Name)))]);
        Assert.That(async () => await TunaModel.LoadAsync(directory.Path, new() { Device = "cpu" }), Throws.TypeOf<ModelException>()
            .With.Message.Contains("the whole VAE: put it beside the model as vae.safetensors, Wan2.2_VAE.safetensors or Wan2.2_VAE.pth").And.Message.Not.Contains("\n"));
    }

    private static void Copy(TemporaryDirectory to, params string[] names)
    {
        foreach (var name in names)
            File.Copy(Fixtures.Path("tunavae-tiny", name), to.File(name));
    }

    private static byte[] Bytes(VideoClip clip) => [.. clip.Frames.SelectMany(frame => frame.Pixels.ToArray())];

    private void Refused(VideoOptions options, string message) =>
        Assert.That(() => _session.GenerateVideoAsync("a red circle moves", options), Throws.TypeOf<RequestException>().With.Message.Contains(message));
}
