using NUnit.Framework;
using Tuna2.Bench.Cases;
using Tuna2.Bench.Plots.Data;

namespace Tuna2.Engine.Tests.Bench;

/// <summary>What bench/Tuna2.Bench.Plots draws: rows read, and nothing shown as measured that was not.</summary>
public class PlotDataTests
{
    private const string Cpu = """ "ours_ms":2,"gflops":100,"threads":2,"simd":"Avx2","cpu":"Some CPU","date":"2026-01-02T03:04:05Z"}""";
    private const string Device = """{"row":"device","device":"Some GPU","copy_bytes_per_s":4e12,"tensor_flops_per_s":8e14,"vector_flops_per_s":5e13,"date":"2026-01-02T03:04:05Z"}""";

    [Test]
    public void Without_rows_nothing_is_measured()
    {
        using var folder = new TemporaryDirectory();
        foreach (var results in new[] { Results.Read(folder.Path), Results.Read(Path.Combine(folder.Path, "not there")) })
        {
            Assert.That(CpuRoofline.Of(results), Is.Null);
            Assert.That(GrowthChart.Of(results).Select(g => (g.Axis, g.Lines.Count)), Is.EqualTo(new[] { ("tokens", 0), ("batch", 0), ("prefix", 0) }));
            var gpu = GpuRoofline.Of(results);
            Assert.That(gpu.Points.Any(p => p.Measured), Is.False);
            Assert.That(gpu.Title, Does.EndWith("not run"));
            Assert.That(gpu.Memories.Concat(gpu.Computes).Select(c => c.Name), Has.All.Contains("data sheet"));
            Assert.That(results.Problems, Is.Empty);
        }
    }

    [Test]
    public void Every_kernel_has_a_place_or_is_named_as_having_none()
    {
        using var folder = new TemporaryDirectory();
        var gpu = GpuRoofline.Of(Results.Read(folder.Path));
        Assert.That(gpu.Points, Has.Count.EqualTo(KernelCases.All.Count(c => c.Cost.Flops > 0)));
        foreach (var entry in KernelCases.All.Select(c => c.Instance.Entry).Distinct())
            Assert.That(gpu.Points.Any(p => p.Label == entry) || gpu.Remarks.Any(r => r.Contains(entry, StringComparison.Ordinal)), Is.True, entry);
        foreach (var point in gpu.Points)
            Assert.That(point.FlopsPerSecond, Is.LessThanOrEqualTo(point.Intensity * gpu.Memories[0].PerSecond * (1 + 1e-9)).And.LessThanOrEqualTo(gpu.Computes[0].PerSecond * (1 + 1e-9)), point.Label);
    }

    [Test]
    public void A_measured_kernel_stands_where_it_was_measured()
    {
        using var folder = new TemporaryDirectory();
        var norm = KernelCases.All.First(c => c.Instance.Name == "rms_norm_bf16");
        var silu = KernelCases.All.First(c => c.Instance.Name == "silu_bf16");
        File.WriteAllLines(Path.Combine(folder.Path, "kernels.jsonl"),
        [
            Device,
            $$"""{"row":"kernel","name":"rms_norm_bf16","shape":"{{norm.Shape}}","us":99}""",
            $$"""{"row":"kernel","name":"rms_norm_bf16","shape":"{{norm.Shape}}","us":10}""",
            $$"""{"row":"kernel","name":"silu_bf16","shape":"{{silu.Shape}}","failed":"illegal address"}""",
        ]);
        File.WriteAllText(Path.Combine(folder.Path, "ceilings.jsonl"), """{"row":"copy","how":"copy16","bytes":1073741824,"gb_per_s":4200,"gpu":"Some GPU"}""");
        var results = Results.Read(folder.Path);
        var gpu = GpuRoofline.Of(results);
        Assert.That(results.Problems, Is.Empty);
        var measured = gpu.Points.Single(p => p.Measured);
        Assert.That(measured.FlopsPerSecond, Is.EqualTo(norm.Cost.Flops / 10e-6).Within(1e-9).Percent, "the last row stands");
        Assert.That(measured.Intensity, Is.EqualTo((double)norm.Cost.Flops / norm.Cost.Bytes));
        Assert.That(gpu.Memories.Single().PerSecond, Is.EqualTo(4.2e12), "the lab's copy, before the program's own");
        Assert.That(gpu.Memories.Single().Name, Does.Contain("measured"));
        Assert.That(gpu.Computes.Select(c => c.PerSecond), Is.EqualTo(new[] { 8e14, 5e13 }));
        Assert.That(gpu.Title, Does.EndWith("Some GPU"));
    }

    [Test]
    public void What_is_damaged_is_one_line_and_the_rest_counts()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllLines(Path.Combine(folder.Path, "cpu.jsonl"),
        [
            """{"row":"cpu product","n":4096,"k":2048,"m":1,"gb_per_s":20,""" + Cpu,
            """{"row":"cpu product","n":4096,"k":2048,"gb_per_s":20,""" + Cpu,
            """{"row":"cpu product","n":-1,"k":2048,"m":1,"gb_per_s":20,""" + Cpu,
            "",
            """{"row":"cpu pro""",
            "7",
            """{"row":"another kind"}""",
            """{"row":"cpu attention","name":"a step","rows":10,"keys":20,"heads":4,"kv_heads":2,"head_dim":64,""" + Cpu,
        ]);
        var results = Results.Read(folder.Path);
        var chart = CpuRoofline.Of(results)!;
        Assert.That(results.Problems.Order(), Is.EqualTo(new[]
        {
            "cpu.jsonl, line 2: no positive number 'm'", "cpu.jsonl, line 3: no positive number 'n'",
            "cpu.jsonl, line 5: not JSON; a program that was stopped while it wrote leaves such a line", "cpu.jsonl, line 6: no JSON object",
        }));
        Assert.That(chart.Points, Has.Count.EqualTo(2));
        Assert.That(chart.Memories, Is.Empty);
        Assert.That(chart.Remarks, Is.EqualTo(new[] { "not run: a copy of memory", "not run: arithmetic in registers" }));
        Assert.That(chart.Title, Does.Contain("Some CPU"));
        Assert.That(chart.Source, Does.Contain("2026-01-02"));
        // Bytes: the weight as bfloat16, a row in and a row out as float32.
        Assert.That(chart.Points[0].Intensity, Is.EqualTo(2.0 * 4096 * 2048 / (2 * 4096 * 2048 + 4 * (4096 + 2048))));
        Assert.That(chart.Points[0].FlopsPerSecond, Is.EqualTo(2.0 * 4096 * 2048 / 2e-3).Within(1e-9).Percent);
        Assert.That(chart.Points[1].FlopsPerSecond, Is.EqualTo(100e9).Within(1).Percent);
    }

    [Test]
    public void The_rows_in_the_repository_are_whole()
    {
        var results = Results.Read(Path.Combine(Fixtures.Repository, "bench", "results"));
        var cpu = CpuRoofline.Of(results)!;
        _ = GpuRoofline.Of(results);
        _ = GrowthChart.Of(results);
        Assert.That(results.Problems, Is.Empty);
        Assert.That(cpu.Points, Has.All.Property(nameof(RooflinePoint.Measured)).True);
        // Nothing computes faster than registers do.
        Assert.That(cpu.Points.Max(p => p.FlopsPerSecond), Is.LessThan(cpu.Computes.Single().PerSecond));
    }

    [Test]
    public void Growth_has_a_line_for_each_model_and_machine_and_its_exponent()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllLines(Path.Combine(folder.Path, "growth.jsonl"),
        [
            Run("a", "tokens", (256, 1), (512, 2.83), (1024, 8)),
            Run("b", "tokens", (256, 1)),
            Run("a", "prefix", (0, 1), (64, 1), (128, 1)),
            Run("a", "width", (1, 1)),
            """{"row":"run","command":"another","result":{"rows":[]}}""",
            """{"row":"run","command":"a failure","result":null}""",
        ]);
        var results = Results.Read(folder.Path);
        var growth = GrowthChart.Of(results);
        Assert.That(growth[0].Lines.Single().Name, Is.EqualTo("a, float32, on Some GPU, 2026-01-02: exponent 1.50"), "one size is no line");
        Assert.That(growth[1].Lines, Is.Empty);
        Assert.That(growth[2].Lines.Single().Points.Select(p => p.Size), Is.EqualTo(new[] { 64, 128 }), "0 has no logarithm");
        Assert.That(results.Problems.Single(), Is.EqualTo("growth.jsonl, line 4: axis 'width' is none of tokens, batch, prefix"));

        static string Run(string model, string axis, params (int Size, double Seconds)[] points) =>
            $$"""{"row":"run","command":"tuna2 bench --growth","gpu":"Some GPU","date":"2026-01-02T03:04:05Z","result":{"model":"{{model}}","compute":"float32","device":"cuda:0","machine":"Some CPU","growth":["""
            + string.Join(',', points.Select(p => FormattableString.Invariant($$"""{"axis":"{{axis}}","{{axis}}":{{p.Size}},"seconds":{{p.Seconds}}}"""))) + "]}}";
    }
}
