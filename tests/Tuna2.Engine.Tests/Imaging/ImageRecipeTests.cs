using System.Text.Json.Nodes;
using NUnit.Framework;
using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Tests.Imaging;

/// <summary>How a picture was made, read back from its file.</summary>
public class ImageRecipeTests
{
    private static readonly GenerationParameters s_parameters = new()
    {
        Task = "generate",
        Prompt = "ein Fisch, \"鮪\"\nSteps are not settings",
        NegativePrompt = "blurry,\nSeed: 3",
        Steps = 12,
        Sampler = SamplerKind.Heun,
        Guidance = 2.7f,
        GuidanceLow = 0.1f,
        GuidanceHigh = 0.85f,
        Seed = -9_000_000_000,
        Width = 576,
        Height = 448,
        NoiseScale = 0.3f,
        Model = "tuna, 7b: \"final\"",
        Device = "cpu",
    };

    private static GeneratedImage Picture(GenerationParameters parameters) => new(TestPictures.Noise(4, 3), parameters, []);

    [Test]
    public void Everything_comes_back_from_every_format([Values] ImageFormat format)
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File($"picture{format.Ending()}");
        Picture(s_parameters).Save(path);
        var recipe = ImageRecipe.Read(path);
        Assert.That(recipe.Parameters, Is.EqualTo(s_parameters));
        Assert.That(recipe.Prompt, Is.EqualTo(s_parameters.Prompt));
        Assert.That(recipe.Options, Is.EqualTo(s_parameters.ToOptions()));
        Assert.That(recipe.Warnings, Is.Empty);
        using var stream = File.OpenRead(path);
        Assert.That(ImageRecipe.Read(stream, "stream").Parameters, Is.EqualTo(s_parameters));
    }

    [Test]
    public void The_text_other_tools_show_is_enough([Values] ImageFormat format)
    {
        var file = TestPictures.Noise(4, 3).Encode(format, new() { Text = [new("parameters", s_parameters.ToText())] });
        var recipe = ImageRecipe.Of(ImageText.FromBytes(file), "x");
        Assert.That(recipe.Parameters, Is.Null);
        Assert.That((recipe.Prompt, recipe.Task, recipe.Model), Is.EqualTo((s_parameters.Prompt, "generate", s_parameters.Model)));
        Assert.That(recipe.Options, Is.EqualTo(s_parameters.ToOptions()));
    }

    [Test]
    public void A_batch_that_decides_bits_comes_back_and_one_picture_says_nothing_of_it()
    {
        var batched = s_parameters with { Batch = 4 };
        Assert.That(GenerationParameters.Parse(batched.ToJson()), Is.EqualTo(batched));
        Assert.That(batched.ToOptions(), Is.EqualTo(s_parameters.ToOptions() with { Batch = 4 }));
        Assert.That(ImageRecipe.Of([new("parameters", batched.ToText())], "x").Options, Is.EqualTo(batched.ToOptions()));
        Assert.That(s_parameters.ToJson() + s_parameters.ToText(), Does.Not.Contain("atch"));
    }

    [Test]
    public void Of_a_clip_frames_and_rate_come_back_too()
    {
        var clip = s_parameters with { Task = "video", Frames = 13, FramesPerSecond = 12.5, VaeTile = 256 };
        var expected = new VideoOptions
        {
            Width = 576, Height = 448, Frames = 13, FramesPerSecond = 12.5, Steps = 12, Sampler = SamplerKind.Heun, Guidance = 2.7f, GuidanceInterval = (0.1f, 0.85f),
            Seed = -9_000_000_000, NegativePrompt = s_parameters.NegativePrompt, VaeTile = 256,
        };
        Assert.That(clip.ToVideoOptions(), Is.EqualTo(expected));
        Assert.That(GenerationParameters.Parse(clip.ToJson()), Is.EqualTo(clip));
        Assert.That(ImageRecipe.Of([new("parameters", clip.ToText())], "x").ToVideoOptions(), Is.EqualTo(expected));
        Assert.That(s_parameters.ToVideoOptions(), Is.EqualTo(expected with { Frames = null, FramesPerSecond = null, VaeTile = null }), "a picture's");
        Assert.That(() => GenerationParameters.Parse(clip.ToJson().Replace("12.5", "true", StringComparison.Ordinal), "x.webp"),
            Throws.TypeOf<ImageException>().With.Message.EqualTo("x.webp: its 'tuna2' parameters are damaged: frames_per_second is not a number"));
    }

    [Test]
    public void Text_of_another_tool_is_read_as_far_as_it_goes()
    {
        var recipe = Read("a cat\non a mat\nNegative prompt: dog, bird\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 4294967295, Size: 512x768, Model hash: abc, Model: sd, Lora hashes: \"a: b, Seed: 1\", Version: v1.10");
        Assert.That((recipe.Prompt, recipe.Model, recipe.Task), Is.EqualTo(("a cat\non a mat", "sd", (string?)null)));
        Assert.That(recipe.Options, Is.EqualTo(new ImageOptions { NegativePrompt = "dog, bird", Steps = 20, Guidance = 7.5f, Seed = 4294967295, Width = 512, Height = 768 }));
        Assert.That(recipe.Warnings, Has.Count.EqualTo(1).And.One.Contains("DPM++ 2M Karras"));
    }

    [Test]
    public void What_a_text_does_not_say_is_left_to_the_model()
    {
        var recipe = Read("a cat\r\nSteps: 20");
        Assert.That(recipe.Prompt, Is.EqualTo("a cat"));
        Assert.That(recipe.Options, Is.EqualTo(new ImageOptions { Steps = 20, NegativePrompt = "" }));
        Assert.That(Read("Steps: 3, Task: reconstruct").Prompt, Is.Empty);
    }

    [TestCase(0f)]
    [TestCase(1f)]
    public void Without_guidance_the_negative_prompt_is_the_models_own(float guidance)
    {
        var parameters = s_parameters with { Guidance = guidance, NegativePrompt = "" };
        Assert.That(ImageRecipe.Of(parameters).Options.NegativePrompt, Is.Null);
        Assert.That(Read(parameters.ToText()).Options.NegativePrompt, Is.Null);
    }

    [Test]
    public void A_cut_prompt_is_cut_again() =>
        Assert.That(GenerationParameters.Parse((s_parameters with { PromptCut = true }).ToJson()).ToOptions().OverlongPrompt, Is.EqualTo(OverlongPrompt.Cut));

    [TestCase("task", "missing")]
    [TestCase("prompt", "missing")]
    [TestCase("steps", "missing")]
    [TestCase("cfg_interval", "missing")]
    [TestCase("steps", "whole number", "2.5")]
    [TestCase("steps", "whole number", "\"20\"")]
    [TestCase("steps", "whole number", "99999999999")]
    [TestCase("guidance", "number", "1e99")]
    [TestCase("guidance", "number", "null")]
    [TestCase("seed", "whole number", "\"random\"")]
    [TestCase("seed", "whole number", "1.5")]
    [TestCase("sampler", "euler, heun", "\"magic\"")]
    [TestCase("prompt", "text", "7")]
    [TestCase("cfg_interval", "two numbers", "[1]")]
    [TestCase("cfg_interval", "number", "[0, \"x\"]")]
    public void A_damaged_member_is_named(string member, string word, string? value = null)
    {
        var json = JsonNode.Parse(s_parameters.ToJson())!.AsObject();
        json.Remove(member);
        if (value is not null)
            json[member] = JsonNode.Parse(value);
        Refused(() => GenerationParameters.Parse(json.ToJsonString(), "x.png"), "x.png: its 'tuna2' parameters are damaged: ", member, word);
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("null")]
    public void What_is_no_JSON_object_is_damaged(string json) => Refused(() => GenerationParameters.Parse(json, "x.png"), "x.png: its 'tuna2' parameters are damaged: ");

    [TestCase("a cat, and nothing else", "no line of settings")]
    [TestCase("a cat\nSteps: many", "Steps", "many")]
    [TestCase("a cat\nSteps: 20, Size: 512", "Size", "512")]
    [TestCase("a cat\nSteps: 20, Size: 512xy", "Size", "'y'")]
    [TestCase("a cat\nSteps: 20, CFG scale: NaN", "CFG scale", "NaN")]
    [TestCase("a cat\nSteps: 20, Seed: -", "Seed")]
    public void A_damaged_text_is_named(string text, params string[] words) => Refused(() => Read(text), ["x.png: its 'parameters' text ", .. words]);

    [Test]
    public void A_photograph_does_not_say_how_it_was_made([Values] ImageFormat format) =>
        Refused(() => ImageRecipe.Of(ImageText.FromBytes(TestPictures.Noise(2, 2).Encode(format)), "photo"), "photo: the picture does not say how it was made");

    private static ImageRecipe Read(string text) => ImageRecipe.Of([new("parameters", text)], "x.png");

    private static void Refused(Action read, params string[] words)
    {
        var message = Assert.Throws<ImageException>(read)!.Message;
        foreach (var word in words)
            Assert.That(message, Does.Contain(word));
        Assert.That(message, Does.Not.Contain('\n'));
    }
}
