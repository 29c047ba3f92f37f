using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Tests.Models;

/// <summary>config.json: what is read, what is filled in, and what is refused, each by its key.</summary>
public class ModelConfigTests
{
    [Test]
    public void The_config_of_the_small_model_is_read_in_full()
    {
        var config = ModelConfig.Load(Path.Combine(Fixtures.Repository, "models", "tuna2-shapes"));
        Assert.That(config, Is.EqualTo(new ModelConfig
        {
            Variant = ModelVariant.Tuna2Pixel,
            HiddenSize = 192,
            IntermediateSize = 512,
            NumHiddenLayers = 4,
            NumAttentionHeads = 3,
            NumKeyValueHeads = 1,
            RopeTheta = 1e6f,
            RmsNormEps = 1e-6f,
            VocabSize = 456,
            TieWordEmbeddings = true,
            PatchSize = 16,
            ImageChannels = 3,
            PatchNormEps = MathF.Pow(2, -23),
            PredictionLayout = PredictionLayout.Raster,
            FlowHead = new FlowHeadConfig
            {
                NumLayers = 4,
                NumAttentionHeads = 3,
                NumKeyValueHeads = 1,
                HeadDim = 64,
                RmsNormEps = 1e-5f,
                FinalNormEps = 1e-6f,
                RopeTheta = 5e5f,
                RopeScaling = new RopeScaling { Factor = 32, LowFreqFactor = 1, HighFreqFactor = 4, OriginalMaxPositionEmbeddings = 8192 },
                ImageRopeTheta = 1e4f,
            },
            NoiseScale = 4,
            Defaults = new GenerationDefaults
            {
                Width = 64,
                Height = 64,
                Steps = 30,
                Guidance = 2,
                EditGuidance = 2,
                Sampler = SamplerKind.Euler,
                NoiseScale = 4,
                TimeShift = 1,
                NegativePrompt = "",
                EditNegativePrompt = "",
            },
        }));
        Assert.That((config.HeadDim, config.PatchValues, config.TokenPixels), Is.EqualTo((64, 768, 16)));
    }

    [Test]
    public void Tuna_R_has_a_vision_encoder_and_its_own_defaults()
    {
        var config = Parse(Fixture("tunar-tiny"));
        Assert.That(config.Variant, Is.EqualTo(ModelVariant.Tuna2RPixel));
        Assert.That(config.Siglip, Is.EqualTo(new SiglipConfig
        {
            HiddenSize = 144,
            IntermediateSize = 288,
            NumHiddenLayersKept = 3,
            NumAttentionHeads = 2,
            ImageSize = 64,
            PatchSize = 16,
            NumChannels = 3,
            LayerNormEps = 1e-6f,
        }));
        Assert.That(config.Siglip!.GridSize, Is.EqualTo(4));
        Assert.That(config.Vae, Is.Null);
        Assert.That((config.Defaults.Guidance, config.Defaults.EditGuidance, config.Defaults.Sampler), Is.EqualTo((4f, 5f, SamplerKind.Heun)));
    }

    [Test]
    public void Tuna_has_a_vae_and_its_own_defaults()
    {
        var config = Parse(Fixture("tunavae-tiny"));
        Assert.That((config.Variant, config.ImageChannels, config.PatchSize, config.TokenPixels), Is.EqualTo((ModelVariant.Tuna, 48, 1, 16)));
        Assert.That(config.Vae!.EncoderChannels, Is.EqualTo([8, 8, 16, 32, 32]));
        Assert.That(config.Vae.DecoderChannels, Is.EqualTo([64, 64, 64, 32, 16]));
        Assert.That(config.Vae.TemporalUpsample, Is.EqualTo([true, true, false]));
        Assert.That((config.Defaults.Guidance, config.Defaults.TimeShift, config.NoiseScale), Is.EqualTo((7.5f, 3f, 1f)));
    }

    [Test]
    public void Rope_scaling_and_layout_left_out_are_the_official_ones()
    {
        var config = Parse(Without(Without(Tiny(), "flow_head.rope_scaling"), "prediction_layout"));
        Assert.That(config.FlowHead.RopeScaling, Is.EqualTo(Parse(Tiny()).FlowHead.RopeScaling));
        Assert.That(config.PredictionLayout, Is.EqualTo(PredictionLayout.Raster));
        Assert.That(Parse(With(Tiny(), "prediction_layout", "patch")).PredictionLayout, Is.EqualTo(PredictionLayout.Patch));
    }

    [Test]
    public void Without_defaults_the_official_ones_hold()
    {
        var defaults = Parse(Without(Tiny(), "defaults")).Defaults;
        Assert.That(defaults, Is.EqualTo(GenerationDefaults.Official(ModelVariant.Tuna2Pixel, 2)));
        Assert.That((defaults.Width, defaults.Height, defaults.Steps, defaults.Guidance, defaults.EditGuidance), Is.EqualTo((512, 512, 50, 3f, 2f)));
        Assert.That(defaults.NegativePrompt, Does.StartWith("ugly, oversaturated, ").And.EndsWith(", poor white balance, low dynamic range"));
        Assert.That(defaults.NegativePrompt, Has.Length.EqualTo(1323));
        Assert.That(defaults.EditNegativePrompt, Does.StartWith("identity changed, ").And.EndsWith(", worst quality, bad composition"));
        Assert.That(defaults.EditNegativePrompt, Has.Length.EqualTo(448));
    }

    [Test]
    public void A_guidance_and_negative_prompt_of_the_model_hold_for_edits_too_unless_it_says_otherwise()
    {
        var own = With(Tiny(), "defaults", JsonNode.Parse("""{"guidance":6,"negative_prompt":"bad"}"""));
        Assert.That(Parse(own).Defaults, Is.EqualTo(GenerationDefaults.Official(ModelVariant.Tuna2Pixel, 2) with
        {
            Guidance = 6,
            EditGuidance = 6,
            NegativePrompt = "bad",
            EditNegativePrompt = "bad",
        }));
        own = With(With(own, "defaults.edit_guidance", 1.5), "defaults.edit_negative_prompt", "worse");
        Assert.That((Parse(own).Defaults.EditGuidance, Parse(own).Defaults.EditNegativePrompt), Is.EqualTo((1.5f, "worse")));
    }

    [Test]
    public void Unknown_keys_and_a_byte_order_mark_are_ignored()
    {
        var text = With(With(Tiny(), "architectures", new JsonArray("X")), "flow_head.dropout", "none").ToJsonString();
        Assert.That(ModelConfig.Parse(Encoding.UTF8.GetBytes("\uFEFF" + text), "c"), Is.EqualTo(Parse(Tiny())));
    }

    [TestCase("variant")]
    [TestCase("hidden_size")]
    [TestCase("intermediate_size")]
    [TestCase("num_hidden_layers")]
    [TestCase("num_attention_heads")]
    [TestCase("num_key_value_heads")]
    [TestCase("rope_theta")]
    [TestCase("rms_norm_eps")]
    [TestCase("vocab_size")]
    [TestCase("tie_word_embeddings")]
    [TestCase("patch_size")]
    [TestCase("image_channels")]
    [TestCase("patch_norm_eps")]
    [TestCase("noise_scale")]
    [TestCase("flow_head")]
    [TestCase("flow_head.num_layers")]
    [TestCase("flow_head.num_attention_heads")]
    [TestCase("flow_head.num_key_value_heads")]
    [TestCase("flow_head.rms_norm_eps")]
    [TestCase("flow_head.final_norm_eps")]
    [TestCase("flow_head.rope_theta")]
    [TestCase("flow_head.image_rope_theta")]
    [TestCase("flow_head.rope_scaling.rope_type")]
    [TestCase("flow_head.rope_scaling.factor")]
    public void A_missing_key_is_named(string key) => Assert.That(Error(Without(Tiny(), key)), Is.EqualTo($"c: '{key}' is missing"));

    [TestCase("siglip")]
    [TestCase("siglip.hidden_size")]
    [TestCase("siglip.num_hidden_layers_kept")]
    [TestCase("siglip.layer_norm_eps")]
    [TestCase("vae")]
    [TestCase("vae.dim_mult")]
    [TestCase("vae.temporal_downsample")]
    [TestCase("image_latent_dim")]
    public void A_missing_key_of_the_other_variants_is_named(string key) =>
        Assert.That(Error(Without(Fixture("tunavae-tiny"), key)), Is.EqualTo($"c: '{key}' is missing"));

    [TestCase("variant", "\"tuna_3\"", "is 'tuna_3', not one of tuna_2_pixel, tuna_2r_pixel, tuna")]
    [TestCase("variant", "2", "is not a string")]
    [TestCase("hidden_size", "\"256\"", "is not a number")]
    [TestCase("hidden_size", "null", "is not a number")]
    [TestCase("hidden_size", "0", "is 0, not an integer")]
    [TestCase("hidden_size", "-256", "is -256, not an integer")]
    [TestCase("hidden_size", "256.5", "is 256.5, not an integer")]
    [TestCase("hidden_size", "1e30", "is 1e30, not an integer")]
    [TestCase("hidden_size", "99999999999", "not an integer from 1 to")]
    [TestCase("num_attention_heads", "3", "does not divide the hidden size 256")]
    [TestCase("num_attention_heads", "256", "not a multiple of 2")]
    [TestCase("num_key_value_heads", "3", "does not divide the 2 attention heads")]
    [TestCase("num_hidden_layers", "1000000", "not an integer from 1 to 1024")]
    [TestCase("rope_theta", "true", "is not a number")]
    [TestCase("rope_theta", "0", "is 0")]
    [TestCase("rms_norm_eps", "-1e-6", "is -1e-6, not a number from 0 to 1")]
    [TestCase("rms_norm_eps", "1e400", "is 1e400, not a number from 0 to 1")]
    [TestCase("tie_word_embeddings", "0", "is not true or false")]
    [TestCase("patch_size", "4096", "not an integer from 1 to 1024")]
    [TestCase("prediction_layout", "\"block\"", "is 'block', not 'raster' or 'patch'")]
    [TestCase("prediction_layout", "1", "is not a string")]
    [TestCase("noise_scale", "0", "is 0")]
    [TestCase("flow_head", "[]", "is not an object")]
    [TestCase("flow_head.num_attention_heads", "32", "not a multiple of 16")]
    [TestCase("flow_head.num_key_value_heads", "3", "does not divide the 4 attention heads")]
    [TestCase("flow_head.rope_scaling.rope_type", "\"yarn\"", "is 'yarn', not 'llama3'")]
    [TestCase("flow_head.rope_scaling.high_freq_factor", "1", "is not above 'low_freq_factor'")]
    [TestCase("defaults", "3", "is not an object")]
    [TestCase("defaults.width", "100", "is 100, not a multiple of 16")]
    [TestCase("defaults.height", "100", "is 100, not a multiple of 16")]
    [TestCase("defaults.steps", "0", "is 0, not an integer")]
    [TestCase("defaults.guidance", "-1", "is -1, not a number")]
    [TestCase("defaults.sampler", "\"ddim\"", "is 'ddim', not 'euler' or 'heun'")]
    [TestCase("defaults.negative_prompt", "false", "is not a string")]
    public void A_senseless_value_is_refused_by_its_key(string key, string value, string message) =>
        Assert.That(Error(With(Tiny(), key, JsonNode.Parse(value))), Does.StartWith($"c: '{key}' ").And.Contain(message).And.Not.Contain("\n"));

    [TestCase("siglip.patch_size", "2", "is 2, the model's is 1")]
    [TestCase("siglip.num_channels", "3", "is 3, but the model denoises 48 channels")]
    [TestCase("siglip.num_attention_heads", "5", "does not divide the hidden size 144")]
    [TestCase("siglip.hidden_act", "\"gelu\"", "is 'gelu', not 'gelu_pytorch_tanh'")]
    [TestCase("vae.z_dim", "16", "is 16, but the model denoises 48 channels")]
    [TestCase("vae.dim_mult", "[]", "is empty")]
    [TestCase("vae.dim_mult", "[1,0]", "is 0, not an integer from 1 to 64")]
    [TestCase("vae.dim_mult", "[1,1,1,1,1,1,1,1,1]", "has 9 levels")]
    [TestCase("vae.dim_mult", "4", "is not an array")]
    [TestCase("vae.temporal_downsample", "[true]", "has 1 values, not one for each of the 3 levels")]
    [TestCase("vae.temporal_downsample", "[true,false,1]", "is not true or false")]
    public void A_senseless_value_of_the_other_variants_is_refused_by_its_key(string key, string value, string message) =>
        Assert.That(Error(With(Fixture("tunavae-tiny"), key, JsonNode.Parse(value))), Does.StartWith($"c: '{key}' ").And.Contain(message));

    [TestCase("", "(line 1)")]
    [TestCase("{\n\"variant\": tuna\n}", "(line 2)")]
    [TestCase("{\"variant\":\"tuna\",\"variant\":\"tuna\"}", "not valid JSON")]
    [TestCase("[]", "not a JSON object")]
    [TestCase("{\"variant\":\"\\ud800\"}", "not valid Unicode")]
    public void Text_that_is_no_config_is_refused(string text, string message) =>
        Assert.That(
            Assert.Throws<ModelException>(() => ModelConfig.Parse(Encoding.UTF8.GetBytes(text), "c"))!.Message,
            Does.StartWith("c: ").And.Contain(message));

    [Test]
    public void A_directory_without_a_config_says_so()
    {
        using var directory = new TemporaryDirectory();
        Assert.That(Assert.Throws<ModelException>(() => ModelConfig.Load(directory.Path))!.Message, Is.EqualTo($"no config.json in {directory.Path}"));
        Assert.That(Assert.Throws<ModelException>(() => ModelConfig.Load(directory.File("none")))!.Message, Does.Contain("no such file or directory"));
    }

    private static JsonObject Fixture(string name) =>
        JsonNode.Parse(File.ReadAllText(Fixtures.Path("manifest", name + ".json")))!["config"]!.DeepClone().AsObject();

    private static JsonObject Tiny() => With(With(Fixture("tuna2-tiny"), "prediction_layout", "raster"), "defaults", new JsonObject());

    private static JsonObject With(JsonObject config, string key, JsonNode? value)
    {
        var (parent, name) = Find(config, key);
        parent[name] = value;
        return config;
    }

    private static JsonObject Without(JsonObject config, string key)
    {
        var (parent, name) = Find(config, key);
        Assert.That(parent.Remove(name) || key is "defaults", Is.True, key);
        return config;
    }

    private static (JsonObject Parent, string Name) Find(JsonObject config, string key)
    {
        var parts = key.Split('.');
        return (parts[..^1].Aggregate(config, (parent, part) => parent[part]!.AsObject()), parts[^1]);
    }

    private static ModelConfig Parse(JsonObject config) => ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJsonString()), "c");

    private static string Error(JsonObject config) => Assert.Throws<ModelException>(() => Parse(config))!.Message;
}
