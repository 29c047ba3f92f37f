using System.Text.Json;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>inspect: directories and files, whole and not.</summary>
public sealed class InspectCommandTests : CliFixture
{
    [Test]
    public async Task A_model_directory_is_described()
    {
        var run = (await CliRun.OfAsync(["inspect", DemoModel])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna_2_pixel").And.Contain("4.6 M (4,584,640)").And.Contain("BF16")
            .And.Contain("9,181,848 bytes").And.Contain("64x64, 30 euler steps, guidance 2"));
    }

    [Test]
    public async Task Without_a_model_the_demo_model_is_described()
    {
        var run = (await CliRun.OfAsync(["inspect"])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna2-shapes").And.Contain("4.6 M"));
    }

    [Test]
    public async Task A_safetensors_file_is_described_and_its_tensors_listed()
    {
        var run = (await CliRun.OfAsync(["inspect", Path.Combine(DemoModel, "model.safetensors"), "--tensors"])).Succeeded();
        Assert.That(run.Out, Does.Contain("tuna_2_pixel").And.Contain("4.6 M").And.Not.Contain("defaults"));
        Assert.That(run.Out.Split('\n').Count(line => line.Contains(" BF16 [", StringComparison.Ordinal)), Is.EqualTo(115));
    }

    [Test]
    public async Task The_description_comes_as_JSON()
    {
        var run = (await CliRun.OfAsync(["inspect", DemoModel, "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("parameters").GetInt64(), Is.EqualTo(4_584_640));
        Assert.That(json.RootElement.GetProperty("defaults").GetProperty("steps").GetInt32(), Is.EqualTo(30));
        Assert.That(json.RootElement.GetProperty("problem").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public async Task Weights_of_another_config_are_described_and_refused()
    {
        var model = CopyModel();
        var config = Path.Combine(model, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5", StringComparison.Ordinal));
        var run = await CliRun.OfAsync(["inspect", model]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Out, Does.Contain("4.6 M"));
        Assert.That(run.Error, Does.Match("^tuna2: [^\n]*missing[^\n]*\n$").And.Contain(model));
    }

    [Test]
    public async Task A_damaged_file_is_refused()
    {
        var path = Folder.Write("model.safetensors", [1, 2, 3]);
        (await CliRun.OfAsync(["inspect", path])).Failed(1, path);
        (await CliRun.OfAsync(["inspect", Folder.File("nothing")])).Failed(1, Folder.File("nothing"));
    }
}
