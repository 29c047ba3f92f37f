using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>The manifest against models made by the official code, and against published sizes.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WeightsManifestTests : IDisposable
{
    // Small models the official code built: their config and the list of their tensors.
    private static readonly string[] OfficialListings = ["tuna2-tiny", "tunar-tiny", "tunavae-tiny"];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [TestCaseSource(nameof(OfficialListings))]
    public void Every_tensor_of_an_official_model_is_expected_as_it_is_and_no_other(string name)
    {
        var (config, tensors) = ReadListing(name);
        var expected = WeightsManifest.Expect(config);
        Assert.That(expected.Select(tensor => tensor.Name), Is.Unique);
        Assert.That(
            expected.Where(tensor => !tensor.IsOptional || tensors.ContainsKey(tensor.Name)).Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Shape)}]"),
            Is.EquivalentTo(tensors.Select(tensor => $"{tensor.Key} [{string.Join(", ", tensor.Value)}]")));
    }

    [Test]
    public void Only_what_inference_can_do_without_is_optional()
    {
        string[] Optional(string name) => [.. WeightsManifest.Expect(ReadListing(name).Config).Where(tensor => tensor.IsOptional).Select(tensor => tensor.Name)];
        Assert.That(Optional("tuna2-tiny"), Is.EqualTo(["mask_token"]));
        Assert.That(Optional("tunar-tiny"), Is.EqualTo(["mask_token"]));
        Assert.That(Optional("tunavae-tiny"), Is.EqualTo(["tuna.lm_head.weight"]));
    }

    [TestCaseSource(nameof(OfficialListings))]
    public void An_official_model_passes_the_check_and_is_known_by_its_family(string name)
    {
        var (config, tensors) = ReadListing(name);
        using var checkpoint = Write(tensors);
        Assert.That(() => WeightsManifest.Check(config, checkpoint), Throws.Nothing);
        Assert.That(WeightsManifest.Identify(checkpoint), Is.EqualTo(config.Variant));
    }

    [Test]
    public void The_small_model_of_the_repository_passes_the_check()
    {
        var path = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes");
        using var checkpoint = Checkpoint.Open(path);
        Assert.That(() => WeightsManifest.Check(ModelConfig.Load(path), checkpoint), Throws.Nothing);
        Assert.That(WeightsManifest.Identify(ModelConfig.Load(path))!.Name, Is.EqualTo("tuna2-shapes"));
    }

    [Test]
    public void Everything_that_is_wrong_with_the_weights_is_in_one_error()
    {
        var (config, tensors) = ReadListing("tuna2-tiny");
        tensors.Remove("tuna.model.norm.weight");
        tensors["diffusion_head_b.norm_final.weight"] = [128];
        tensors["extra.weight"] = [3, 4];
        using var checkpoint = Write(tensors, name => name == "time_embed.mlp.0.bias" ? DType.I16 : DType.BF16);
        Assert.That(
            Assert.Throws<ModelException>(() => WeightsManifest.Check(config, checkpoint))!.Message,
            Is.EqualTo(
                $"{checkpoint.Path}: not the weights of this tuna_2_pixel config: " +
                "1 tensor is missing: tuna.model.norm.weight [256]; " +
                "1 tensor has another shape: diffusion_head_b.norm_final.weight is [128], not [256]; " +
                "1 tensor has a type that cannot be: time_embed.mlp.0.bias is I16, not BF16 or F16 or F32; " +
                "1 tensor is not part of the model: extra.weight [3, 4]"));
    }

    [Test]
    public void Many_missing_tensors_are_named_eight_at_a_time()
    {
        var (config, tensors) = ReadListing("tuna2-tiny");
        foreach (var name in tensors.Keys.Where(name => name.StartsWith("tuna.model.layers.1.", StringComparison.Ordinal)).ToList()) tensors.Remove(name);
        using var checkpoint = Write(tensors);
        Assert.That(
            Assert.Throws<ModelException>(() => WeightsManifest.Check(config, checkpoint))!.Message,
            Does.Contain("12 tensors are missing: tuna.model.layers.1.").And.EndsWith("and 4 more"));
    }

    [TestCase("tuna2-tiny", "tunar-tiny", "these are tuna_2r_pixel weights: the config is of tuna_2_pixel")]
    [TestCase("tunar-tiny", "tunavae-tiny", "these are tuna weights: the config is of tuna_2r_pixel")]
    [TestCase("tunavae-tiny", "tuna2-tiny", "these are tuna_2_pixel weights: the config is of tuna")]
    public void Weights_of_another_family_are_called_by_its_name(string config, string weights, string message)
    {
        using var checkpoint = Write(ReadListing(weights).Tensors);
        Assert.That(Assert.Throws<ModelException>(() => WeightsManifest.Check(ReadListing(config).Config, checkpoint))!.Message, Does.EndWith(message));
    }

    [Test]
    public void A_missing_vae_is_said_to_belong_into_its_own_file()
    {
        var (config, tensors) = ReadListing("tunavae-tiny");
        var vae = tensors.Where(tensor => tensor.Key.StartsWith("vae.", StringComparison.Ordinal)).ToDictionary();
        foreach (var name in vae.Keys) tensors.Remove(name);
        using (var checkpoint = Write(tensors))
            Assert.That(
                Assert.Throws<ModelException>(() => WeightsManifest.Check(config, checkpoint))!.Message,
                Does.Contain($"{vae.Count} tensors of the VAE are missing (the whole VAE: put it beside the model as vae.safetensors, Wan2.2_VAE.safetensors or Wan2.2_VAE.pth)"));

        using var apart = Write(vae, _ => DType.F32, "vae.safetensors");
        Assert.That(() => WeightsManifest.Check(config, apart), Throws.Nothing);
    }

    [Test]
    public void The_counts_of_every_checkpoint_are_those_of_its_tensors()
    {
        foreach (var checkpoint in WeightsManifest.Checkpoints)
        {
            var required = WeightsManifest.Expect(checkpoint.Config).Where(tensor => !tensor.IsOptional).ToList();
            Assert.That(
                (checkpoint.TensorCount, checkpoint.ParameterCount),
                Is.EqualTo((required.Count, required.Sum(tensor => tensor.Shape.Aggregate(1L, (a, b) => a * b)))),
                checkpoint.Name);
            Assert.That(WeightsManifest.Identify(checkpoint.Config), Is.SameAs(checkpoint));
        }
    }

    // Published: Qwen2.5-7B has 7,615,616,512 parameters with 152,064 rows of embedding and as many of output, Qwen2.5-1.5B
    // 1,543,714,304 with 151,936 rows that serve as both. The Tuna models have 151,669 rows.
    [TestCase("tuna_2_pixel_7b", 7_615_616_512 - 2L * (152_064 - 151_669) * 3584)]
    [TestCase("tuna_2r_pixel_7b", 7_615_616_512 - 2L * (152_064 - 151_669) * 3584)]
    [TestCase("tuna_7b", 7_615_616_512 - 2L * (152_064 - 151_669) * 3584)]
    [TestCase("tuna_2b", 1_543_714_304 - (151_936L - 151_669) * 1536)]
    [TestCase("tuna_2_pixel_2b", 1_543_714_304 - (151_936L - 151_669) * 1536)]
    public void The_language_model_has_the_parameters_of_the_published_one(string name, long parameters) =>
        Assert.That(Parameters(name, "tuna."), Is.EqualTo(parameters));

    [Test]
    public void The_official_models_and_ours_are_known() =>
        Assert.That(
            WeightsManifest.Checkpoints.Select(checkpoint => checkpoint.Name),
            Is.EqualTo(["tuna_2_pixel_7b", "tuna_2r_pixel_7b", "tuna_7b", "tuna_2b", "tuna_2_pixel_2b", "tuna_tiny", "tuna2-shapes"]));

    [Test]
    public void The_files_of_the_repository_are_those_of_the_manifest()
    {
        foreach (var checkpoint in WeightsManifest.Checkpoints.Where(checkpoint => checkpoint.Directory is not null))
        {
            Assert.That(ModelConfig.Load(Path.Combine(Fixtures.Repository, checkpoint.Directory!)), Is.EqualTo(checkpoint.Config));
            Assert.That(checkpoint.Files, Is.Not.Empty);
            foreach (var file in checkpoint.Files)
            {
                var bytes = File.ReadAllBytes(Path.Combine(Fixtures.Repository, checkpoint.Directory!, file.Name));
                Assert.That((bytes.LongLength, Convert.ToHexStringLower(SHA256.HashData(bytes))), Is.EqualTo((file.Bytes, file.Sha256)), file.Name);
            }
        }
    }

    [Test]
    public void The_embedded_manifest_is_the_file_at_the_root() =>
        Assert.That(WeightsManifest.Text, Is.EqualTo(File.ReadAllText(Path.Combine(Fixtures.Repository, "weights-manifest.json")).TrimEnd()));

    private static long Parameters(string checkpoint, string prefix) =>
        WeightsManifest.Expect(WeightsManifest.Checkpoints.Single(known => known.Name == checkpoint).Config)
            .Where(tensor => !tensor.IsOptional && tensor.Name.StartsWith(prefix, StringComparison.Ordinal))
            .Sum(tensor => tensor.Shape.Aggregate(1L, (a, b) => a * b));

    private static (ModelConfig Config, Dictionary<string, long[]> Tensors) ReadListing(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("manifest", name + ".json")));
        var config = ModelConfig.Parse(Encoding.UTF8.GetBytes(json.RootElement.GetProperty("config").GetRawText()), name);
        return (config, json.RootElement.GetProperty("tensors").EnumerateArray().ToDictionary(
            tensor => tensor.GetProperty("name").GetString()!,
            tensor => tensor.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray()));
    }

    private Checkpoint Write(Dictionary<string, long[]> tensors, Func<string, DType>? dtype = null, string file = "model.safetensors")
    {
        SafetensorsWriter.Write(directory.File(file), tensors.Select(tensor =>
        {
            var type = dtype?.Invoke(tensor.Key) ?? DType.BF16;
            return new TensorData(tensor.Key, type, tensor.Value, new byte[tensor.Value.Aggregate(1L, (a, b) => a * b) * type.Size()]);
        }));
        return Checkpoint.Open(directory.Path);
    }
}
