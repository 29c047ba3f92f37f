using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>parity: tables, counts and codes, on folders small enough to read.</summary>
public sealed class ParityCommandTests : CliFixture
{
    private static string Preprocess => Fixtures.Path("preprocess");

    [Test]
    public async Task Every_tensor_is_listed_and_the_last_line_counts_the_cases()
    {
        var run = (await CliRun.OfAsync(["parity", Preprocess])).Succeeded();
        Assert.That(run.Out, Does.Match(@"ok +in0\.png").And.Match(@"bytes +0 +identical +ok").And.EndsWith("\n5 passed, 0 failed, 0 not run\n"));
    }

    [Test]
    public async Task Several_folders_are_counted_together()
    {
        var run = (await CliRun.OfAsync(["parity", Preprocess, Preprocess, "--quiet"])).Succeeded();
        Assert.That(run.Out, Does.EndWith("\n10 passed, 0 failed, 0 not run\n").And.Not.Contain("identical  ok"));
    }

    [Test]
    public async Task A_case_over_its_limit_is_shown_and_ends_in_1()
    {
        foreach (var quiet in new[] { false, true })
        {
            var run = await CliRun.OfAsync(["parity", Spoiled(), .. quiet ? new[] { "--quiet" } : []]);
            Assert.That(run.Code, Is.EqualTo(1));
            Assert.That(run.Error, Is.Empty);
            Assert.That(run.Out, Does.Match(@"FAIL +in0\.png").And.Match(@"tensor +[0-9.]+E-?[0-9]+ .*FAIL").And.EndsWith("\n0 passed, 1 failed, 0 not run\n"));
        }
    }

    [Test]
    public async Task A_task_that_cannot_be_run_says_so()
    {
        var folder = Directory.CreateDirectory(Folder.File("later")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "cases.json"), $$"""
            { "kind": "model", "model": "{{JsonEncodedText.Encode(DemoModel)}}", "cases": [{ "name": "dance", "task": "dance" }] }
            """);
        var run = (await CliRun.OfAsync(["parity", folder])).Succeeded();
        Assert.That(run.Out, Does.Match(@"not run +dance").And.Contain("not run: task dance").And.EndsWith("\n0 passed, 0 failed, 1 not run\n"));
    }

    [Test]
    public async Task The_reports_come_as_JSON()
    {
        var run = await CliRun.OfAsync(["parity", Preprocess, Spoiled(), "--json"]);
        Assert.That(run.Code, Is.EqualTo(1));
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        Assert.That((root.GetProperty("passed").GetInt32(), root.GetProperty("failed").GetInt32(), root.GetProperty("not_run").GetInt32()), Is.EqualTo((5, 1, 0)));
        var failed = root.GetProperty("reports")[1].GetProperty("cases")[0];
        Assert.That(failed.GetProperty("status").GetString(), Is.EqualTo("failed"));
        Assert.That(failed.GetProperty("checks")[1].GetProperty("relative").GetDouble(), Is.GreaterThan(1e-6));
    }

    /// <summary>A folder whose one picture is right and whose tensor is not.</summary>
    private string Spoiled()
    {
        var folder = Directory.CreateDirectory(Folder.File("spoiled")).FullName;
        foreach (var name in new[] { "in0.png", "out0.png", "out0.safetensors" })
            File.Copy(Path.Combine(Preprocess, name), Path.Combine(folder, name), overwrite: true);
        TensorInfo tensor;
        using (var file = new SafetensorsFile(Path.Combine(folder, "out0.safetensors")))
            tensor = file.Tensors.Single();
        using (var file = new FileStream(tensor.Path, FileMode.Open))
        {
            file.Position = tensor.Offset;
            file.Write(BitConverter.GetBytes(0.5f));
        }
        using var cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Preprocess, "cases.json")));
        File.WriteAllText(Path.Combine(folder, "cases.json"), $$"""
            { "kind": "preprocess", "cases": [{{cases.RootElement.GetProperty("cases")[0].GetRawText()}}] }
            """);
        return folder;
    }
}
