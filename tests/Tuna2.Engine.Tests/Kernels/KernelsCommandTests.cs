using System.Text.Json;
using NUnit.Framework;
using Tuna2.Cli;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>tuna2 kernels.</summary>
public class KernelsCommandTests
{
    [Test]
    public async Task The_kernels_come_as_JSON()
    {
        var (code, output, error) = await RunAsync("rms_norm", "--arch", "sm_80", "--arch", "sm_90a", "--json", "--no-cache");
        Assert.That(code, Is.Zero, error);
        using var json = JsonDocument.Parse(output);
        var rows = json.RootElement.GetProperty("kernels").EnumerateArray().ToList();
        Assert.That(rows.Select(r => $"{r.GetProperty("name")} {r.GetProperty("arch")}"), Is.EqualTo(new[]
        {
            "rms_norm_bf16 sm_80", "rms_norm_f32 sm_80", "rms_norm_bf16 sm_90a", "rms_norm_f32 sm_90a",
        }));
        Assert.That(rows[0].EnumerateObject().Select(p => p.Name), Is.EqualTo(new[]
        {
            "name", "arch", "registers", "shared_bytes", "stack_bytes", "spill_store_bytes", "spill_load_bytes", "cached",
        }));
        Assert.That(rows[0].GetProperty("registers").GetInt32(), Is.GreaterThan(0));
        Assert.That(rows[0].GetProperty("cached").GetBoolean(), Is.False);
    }

    [Test]
    public async Task The_kernels_come_as_a_table()
    {
        var (code, output, error) = await RunAsync("rms_norm_bf16", "--arch", "sm_80", "--no-cache");
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Match(@"(?m)^rms_norm_bf16 +sm_80 +\d+ +0 +0 +0  no\r?$"));
    }

    [TestCase(2, "no_such_kernel")]
    [TestCase(1, "--arch", "90")]
    public async Task What_does_not_exist_is_one_line_and_an_exit_code(int expected, params string[] arguments)
    {
        var (code, output, error) = await RunAsync([.. arguments, "--no-cache"]);
        Assert.That(code, Is.EqualTo(expected));
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd(), Does.StartWith("tuna2: ").And.Contains(arguments[^1]).And.Not.Contains("\n"));
    }

    [Test]
    public async Task The_kernels_are_packed_for_programs_without_a_compiler()
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File("kernels.zip");
        var (code, output, error) = await RunAsync("copy_rows", "silu", "-o", path, "--arch", "sm_80", "--arch", "sm_90a");
        Assert.That(code, Is.Zero, error);
        var archive = KernelArchive.Open(path);
        Assert.That(archive.Architectures, Is.EqualTo(new[] { "sm_80", "sm_90a" }));
        var instance = KernelCatalog.Get("silu_bf16");
        Assert.That(archive.Find(instance, CudaArchitecture.Parse("sm_90a"))!.Image.ToArray(), Is.EqualTo(NvrtcUnderTest.Compiler().Compile(instance, "sm_90a").Image.ToArray()));
        Assert.That(archive.Find(KernelCatalog.Get("rms_norm_f32"), CudaArchitecture.Parse("sm_90a")), Is.Null);

        (code, _, error) = await RunAsync("copy_rows", "-o", folder.File("none.zip"), "--arch", "sm_777");
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("copy_rows compute_").And.Contains("no machine code"));
        Assert.That(File.Exists(folder.File("none.zip")), Is.False);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        _ = NvrtcUnderTest.Compiler();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await Tuna2.Cli.Cli.RunAsync(["kernels", .. arguments], new CliConsole(output, error));
        return (code, output.ToString(), error.ToString());
    }
}
