using System.Text.Json;
using NUnit.Framework;
using Tuna2.Cli.Doctor;
using Tuna2.Engine.Tests.Cuda;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>doctor and devices: what is there, what is not, and where it was looked for.</summary>
public sealed class DoctorCommandTests : CliFixture
{
    [Test]
    public async Task What_the_engine_needs_is_found_here()
    {
        var run = (await CliRun.OfAsync(["doctor"])).Succeeded();
        foreach (var name in new[] { "system", "processor", "memory", "text", "pictures", "demo model", "demo model memory", "temporary folder" })
            Assert.That(run.Out, Does.Match($"(?m)^ok +{name} +[^ ]"));
        foreach (var name in new[] { "NVIDIA driver", "NVRTC", "cuBLASLt", "kernel cache", "ffmpeg" })
            Assert.That(run.Out, Does.Match($"(?m)^(ok|missing|problem) +{name} +[^ ]"));
        Assert.That(run.Out, Does.Contain(Path.Combine("models", "tuna2-shapes")).And.EndsWith("What the CPU engine needs is there.\n"));
    }

    [Test]
    public async Task The_checks_and_the_devices_come_as_JSON()
    {
        var run = (await CliRun.OfAsync(["doctor", "--json"])).Succeeded();
        using var json = JsonDocument.Parse(run.Out);
        Assert.That(json.RootElement.GetProperty("ok").GetBoolean(), Is.True);
        Assert.That(json.RootElement.GetProperty("version").GetString(), Does.Match(@"^\d+\.\d+\.\d+"));
        Assert.That(json.RootElement.GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("name").GetString()), Does.Contain("pictures"));
        Assert.That(json.RootElement.GetProperty("devices")[0].GetProperty("name").GetString(), Is.EqualTo("cpu"));
        Assert.That(json.RootElement.GetProperty("devices")[0].GetProperty("memory_bytes").GetInt64(), Is.GreaterThan(1L << 28));
        Assert.That(json.RootElement.GetProperty("libraries").GetProperty("cublaslt").GetProperty("looked_in").GetArrayLength(), Is.GreaterThan(0));
    }

    [Test]
    public async Task A_model_that_is_not_there_or_not_whole_is_a_failure()
    {
        var run = await CliRun.OfAsync(["doctor", "-m", Folder.File("nothing")]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Out, Does.Match("(?m)^missing +model +[^\n]*no such model directory").And.EndsWith("One thing the CPU engine needs is broken.\n"));

        var model = CopyModel();
        await using (var file = new FileStream(Path.Combine(model, "model.safetensors"), FileMode.Open))
            file.SetLength(100_000);
        run = await CliRun.OfAsync(["doctor", "-m", model]);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Out, Does.Match("(?m)^problem +model +[^\n]*truncated"));
        File.Delete(Path.Combine(model, "tokenizer.json"));
        Assert.That((await CliRun.OfAsync(["doctor", "-m", model])).Out, Does.Match("(?m)^problem +model +[^\n]*tokenizer.json"));
        Assert.That((await CliRun.OfAsync(["doctor", "-m", DemoModel])).Succeeded().Out, Does.Match("(?m)^ok +model +").And.Match("(?m)^ok +model memory +a picture of 64x64 takes "));
    }

    [Test]
    public void The_GPUs_of_a_driver_are_named()
    {
        using var fake = new FakeDriver();
        var report = DeviceReport.Probe(fake.Path);
        Assert.That(report.Driver.Problem, Is.Null);
        Assert.That(report.Driver.Version, Is.EqualTo(new Version(12, 4)));
        Assert.That(report.Gpus.Select(gpu => gpu.Id), Is.EqualTo(new[] { "cuda:0", "cuda:1" }));
        Assert.That(report.Gpus[0].MemoryBytes, Is.EqualTo(80L << 30));
        var checks = CudaChecks.Run(report).ToList();
        Assert.That(checks[0].Detail, Does.StartWith(fake.Path).And.EndWith("up to CUDA 12.4"));
        Assert.That(checks.Single(check => check.Name == "cuda:1").Detail, Does.Contain("80.0 GiB").And.Contain($"compute capability {report.Gpus[1].ComputeCapability}"));
        Assert.That(fake.Retained, Is.Zero, "looking takes nothing of the device");
    }

    [Test]
    public void A_driver_without_a_GPU_says_so()
    {
        using var fake = new FakeDriver();
        fake.SetDevices(0);
        var report = DeviceReport.Probe(fake.Path);
        Assert.That(report.Driver.Problem, Is.EqualTo("the driver shows no GPU"));
        Assert.That(CudaChecks.Run(report).Single(check => check.Name == "GPU").Status, Is.EqualTo(CheckStatus.Missing));
    }

    [Test]
    public void A_driver_that_does_not_start_is_a_problem_in_its_own_words()
    {
        using var fake = new FakeDriver();
        fake.Fail("cuInit", 100);
        var report = DeviceReport.Probe(fake.Path);
        Assert.That(report.Gpus, Is.Empty);
        Assert.That(report.Driver.Problem, Does.StartWith("CUDA_ERROR_NO_DEVICE (100)"));
        var check = CudaChecks.Run(report).First();
        Assert.That((check.Status, check.Failed), Is.EqualTo((CheckStatus.Problem, false)), "the CPU engine does without");
    }

    [Test]
    public void Without_a_driver_the_report_says_where_it_was_looked_for()
    {
        var report = DeviceReport.Probe(Folder.Path);
        Assert.That(report.Driver.Problem, Does.StartWith("the CUDA driver not found: no ").And.Contain(Folder.Path));
        var check = CudaChecks.Run(report).First();
        Assert.That(check.Status, Is.EqualTo(CheckStatus.Missing));
        using var text = new StringWriter { NewLine = "\n" };
        check.WriteTo(text);
        Assert.That(text.ToString(), Does.Contain($"looked in the path given ({Folder.Path}): not in this folder"));
    }

    [Test]
    public async Task Devices_begin_with_the_processor()
    {
        var run = (await CliRun.OfAsync(["devices"])).Succeeded();
        Assert.That(run.Out, Does.Match("^cpu +[^\n]* threads?, [A-Za-z0-9]+ kernels[^\n]* memory available\n(cuda:0|no GPU: )"));
    }
}
