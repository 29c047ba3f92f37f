using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>What cannot be run as asked is refused by the call itself, in one line that names it, before anything is computed.</summary>
public class RequestTests
{
    private TunaModel _model = null!;
    private TunaSession _session = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = await DemoModel.LoadAsync();
        _session = _model.CreateSession();
    }

    [OneTimeTearDown]
    public void Unload()
    {
        _session.Dispose();
        _model.Dispose();
    }

    [Test]
    public void Missing_arguments_are_ArgumentNullExceptions()
    {
        Assert.Throws<ArgumentNullException>(() => _session.GenerateAsync((string)null!));
        Assert.Throws<ArgumentNullException>(() => _session.EditAsync(null!, "make it red"));
        Assert.Throws<ArgumentNullException>(() => _session.EditAsync(DemoModel.Picture, null!));
        Assert.Throws<ArgumentNullException>(() => _session.ReconstructAsync(null!));
        Assert.Throws<ArgumentNullException>(() => _session.AskAsync(DemoModel.Picture, null!));
        Assert.Throws<ArgumentNullException>(() => TunaModel.LoadAsync(null!));
        Assert.Throws<ArgumentException>(() => TunaModel.LoadAsync(""));
    }

    [TestCase("")]
    [TestCase(" \n\t")]
    public void Empty_texts_are_refused(string text)
    {
        Refused(() => _session.GenerateAsync(text), "prompt");
        Refused(() => _session.EditAsync(DemoModel.Picture, text), "instruction");
        Refused(() => _session.AskAsync(DemoModel.Picture, text), "question");
    }

    private static IEnumerable<TestCaseData> BadPictures()
    {
        yield return Case(new() { Width = 65 }, "width", "65");
        yield return Case(new() { Width = 0 }, "width", "0");
        yield return Case(new() { Height = -16 }, "height", "-16");
        yield return Case(new() { Height = 4112 }, "height", "4112");
        yield return Case(new() { Width = int.MaxValue / 16 * 16 }, "width", "2147483632");
        yield return Case(new() { Steps = 0 }, "steps", "0");
        yield return Case(new() { Steps = 1001 }, "steps", "1001");
        yield return Case(new() { Guidance = float.NaN }, "guidance", "NaN");
        yield return Case(new() { Guidance = -1 }, "guidance", "-1");
        yield return Case(new() { Guidance = float.PositiveInfinity }, "guidance", "Infinity");
        yield return Case(new() { Guidance = 1e30f }, "guidance", "1E+30");
        yield return Case(new() { GuidanceInterval = (0.6f, 0.4f) }, "interval", "0.6");
        yield return Case(new() { GuidanceInterval = (float.NaN, 1) }, "interval", "NaN");
        yield return Case(new() { GuidanceInterval = (0, 1.5f) }, "interval", "1.5");
        yield return Case(new() { NoiseScale = -0.5f }, "noise scale", "-0.5");
        yield return Case(new() { NoiseScale = float.NaN }, "noise scale", "NaN");
        yield return Case(new() { NoiseScale = 1e9f }, "noise scale", "1E+09");
        yield return Case(new() { PreviewEvery = -1 }, "previews", "-1");
        yield return Case(new() { PreviewEvery = 1001 }, "previews", "1001");
        yield return Case(new() { Count = 0 }, "count", "0");
        yield return Case(new() { Count = 1001 }, "count", "1001");
        yield return Case(new() { Sampler = (SamplerKind)7 }, "sampler", "7");
        yield return Case(new() { OverlongPrompt = (OverlongPrompt)7 }, "overlong", "7");

        static TestCaseData Case(ImageOptions options, string what, string value) => new TestCaseData(options, what, value).SetArgDisplayNames(what, value);
    }

    [TestCaseSource(nameof(BadPictures))]
    public void Picture_options_out_of_range_are_refused(ImageOptions options, string what, string value)
    {
        var before = CpuBuffer.Live;
        Refused(() => _session.GenerateAsync(DemoModel.Prompt, options), what, value);
        Refused(() => _session.EditAsync(DemoModel.Picture, "make the square green", options), what, value);
        if (what != "count")
            Refused(() => _session.ReconstructAsync(DemoModel.Picture, options), what, value);
        Assert.That(CpuBuffer.Live, Is.EqualTo(before));
    }

    private static IEnumerable<TestCaseData> BadQuestions()
    {
        yield return Case(new() { MaxTokens = 0 }, "answer tokens", "0");
        yield return Case(new() { MaxTokens = int.MaxValue }, "answer tokens", "2147483647");
        yield return Case(new() { MaxTokens = TunaSession.MaxChatTokens - 1 }, "question", "32768");
        yield return Case(new() { Temperature = -1 }, "temperature", "-1");
        yield return Case(new() { Temperature = float.NaN }, "temperature", "NaN");
        yield return Case(new() { TopK = -1 }, "top-k", "-1");
        yield return Case(new() { TopP = 0 }, "top-p", "0");
        yield return Case(new() { TopP = 1.1f }, "top-p", "1.1");
        yield return Case(new() { TopP = float.NaN }, "top-p", "NaN");
        yield return Case(new() { Width = 17 }, "width", "17");
        yield return Case(new() { Height = 1 << 20 }, "height", "1048576");

        static TestCaseData Case(AskOptions options, string what, string value) => new TestCaseData(options, what, value).SetArgDisplayNames(what, value);
    }

    [TestCaseSource(nameof(BadQuestions))]
    public void Question_options_out_of_range_are_refused(AskOptions options, string what, string value) =>
        Refused(() => _session.AskAsync(DemoModel.Picture, "What color is the square?", options), what, value);

    [Test]
    public void An_overlong_question_is_refused_with_its_length() =>
        Refused(() => _session.AskAsync(null, string.Concat(Enumerable.Repeat("a circle ", 30000))), "question", "32768");

    [Test]
    public void An_overlong_prompt_is_refused_with_both_lengths()
    {
        var prompt = string.Concat(Enumerable.Repeat("a circle ", 3000));
        var tokens = _model.Tokenizer.Encode(prompt).Length;
        Refused(() => _session.GenerateAsync(prompt), "prompt", $"{tokens} tokens", "takes 2027");
        Refused(() => _session.GenerateAsync("a circle", new() { NegativePrompt = prompt }), "negative prompt", $"{tokens} tokens");
        Refused(() => _session.EditAsync(DemoModel.Picture, prompt), "prompt", $"{tokens} tokens", "takes 4056");
    }

    [Test]
    public async Task An_overlong_prompt_is_cut_when_asked_and_the_picture_says_so()
    {
        var prompt = string.Concat(Enumerable.Repeat("a circle ", 3000));
        var options = new ImageOptions { Steps = 1, Guidance = 1, OverlongPrompt = OverlongPrompt.Cut };
        var picture = (await _session.GenerateAsync(prompt, options))[0];
        Assert.That(picture.Warnings, Has.Count.EqualTo(1));
        Assert.That(picture.Warnings[0], Does.Contain($"from {_model.Tokenizer.Encode(prompt).Length} to 2027"));
        var longer = (await _session.GenerateAsync(prompt + "a square", options))[0];
        Assert.That(longer.Bytes(), Is.EqualTo(picture.Bytes()), "what is cut does not matter");
        Assert.That((await _session.GenerateAsync(DemoModel.Prompt, options))[0].Warnings, Is.Empty);
    }

    /// <summary>The official limits: a sequence of 2048 or 5120, whichever is nearer N + 1024; 4096 for edits.</summary>
    [TestCase("Generate", 64, 64, 2048 - 17 - 4)]
    [TestCase("Generate", 512, 512, 2048 - 1025 - 4)]
    [TestCase("Generate", 1024, 1024, 5120 - 4097 - 4)]
    [TestCase("Generate", 2048, 2048, null)]
    [TestCase("Reconstruct", 512, 512, 2048 - 1025 - 4 + 1024)]
    [TestCase("Edit", 64, 64, 4096 - 2 * 17 - 6)]
    [TestCase("Edit", 512, 512, 4096 - 2 * 1025 - 6)]
    [TestCase("Edit", 1024, 1024, null)]
    public void Prompt_limits_are_the_official_ones(string task, int width, int height, int? limit) =>
        Assert.That(ImageRequest.PromptLimit(Enum.Parse<ImageTask>(task), new Grid(1, height / 16, width / 16), ModelVariant.Tuna2RPixel), Is.EqualTo(limit));

    /// <summary>A sequence of 8192, of 3072 for edits; a clip's has 1024 beside its patches.</summary>
    [TestCase("Generate", 512, 512, 1, 8192 - 1025 - 4)]
    [TestCase("Reconstruct", 1024, 1024, 1, 8192 - 4097 - 4)]
    [TestCase("Generate", 2048, 2048, 1, null)]
    [TestCase("Edit", 512, 512, 1, 3072 - 2 * 1025 - 6)]
    [TestCase("Edit", 1024, 1024, 1, null)]
    [TestCase("Video", 672, 384, 13, 1019)]
    [TestCase("Video", 64, 64, 1, 1019)]
    public void Prompt_limits_of_the_latent_variant_are_the_official_ones(string task, int width, int height, int frames, int? limit) =>
        Assert.That(ImageRequest.PromptLimit(Enum.Parse<ImageTask>(task), new Grid(frames, height / 16, width / 16), ModelVariant.Tuna), Is.EqualTo(limit));

    [Test]
    public void Prompt_limits_are_never_zero_or_less()
    {
        foreach (var variant in Enum.GetValues<ModelVariant>())
            foreach (var task in Enum.GetValues<ImageTask>())
                for (var n = 1; n <= 256; n++)
                    Assert.That(ImageRequest.PromptLimit(task, new Grid(1, n, n), variant), Is.Null.Or.GreaterThan(0), $"{variant} {task} {n}");
    }

    [TestCase("gpu")]
    [TestCase("cuda:")]
    [TestCase("cuda:-1")]
    [TestCase("")]
    [TestCase(null)]
    public async Task Unknown_devices_are_refused(string? device) =>
        Assert.That((await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { Device = device! })))!.Message, Does.Contain("device"));

    [Test]
    public async Task Options_of_the_device_are_checked()
    {
        await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { Threads = -1 }));
        await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { Threads = int.MaxValue }));
        await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { Simd = (SimdLevel)99 }));
        await Assert.ThrowsAsync<RequestException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { ComputeType = (ComputeType)99 }));
        await Assert.ThrowsAsync<DeviceException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { ComputeType = ComputeType.BF16 }));
        await Assert.ThrowsAsync<DeviceException>(() => TunaModel.LoadAsync(DemoModel.Directory, new() { Device = "cuda:0" }));
    }

    private static void Refused(Action call, params string[] words)
    {
        var message = Assert.Throws<RequestException>(call)!.Message;
        foreach (var word in words)
            Assert.That(message, Does.Contain(word));
        Assert.That(message, Does.Not.Contain('\n'));
    }
}
