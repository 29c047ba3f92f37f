using System.Text.Json;
using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>tuna2 bench, with rounds too short to mean anything but that it counts right.</summary>
public class BenchCommandTests
{
    private static readonly string _demo = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes");

    [Test]
    public async Task Rows_say_what_was_timed_and_what_it_had_to_move()
    {
        var (code, output, error) = await RunAsync("--rounds", "2", "--steps", "1", "--tokens", "2", "--width", "16", "--height", "16", "--json");
        Assert.That(code, Is.Zero, error);
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        Assert.That(root.GetProperty("model").GetString(), Is.EqualTo("tuna2-shapes"));
        Assert.That(root.GetProperty("machine").GetString(), Does.Contain("processors"));
        Assert.That(root.GetProperty("copy_bytes_per_s").GetDouble(), Is.GreaterThan(1e8));
        var rows = root.GetProperty("rows").EnumerateArray().ToList();
        Assert.That(rows.Select(r => r.GetProperty("name").GetString()), Is.EqualTo(new[] { "prefill", "step", "token", "picture" }));
        Assert.That(root.GetProperty("load_gb_per_s").GetDouble(), Is.Positive);
        Assert.That(root.GetProperty("picture_bytes").GetInt64(), Is.Positive);
        Assert.That(root.GetProperty("answer_bytes").GetInt64(), Is.Positive);
        var kernels = root.GetProperty("kernels").EnumerateArray().ToList();
        Assert.That(kernels.Select(k => k.GetProperty("of").GetString()).Distinct(), Is.EqualTo(new[] { "step", "token" }));
        var products = kernels.Single(k => k.GetProperty("of").GetString() == "token" && k.GetProperty("name").GetString() == "MatMul");
        Assert.That(products.GetProperty("flops").GetInt64(), Is.EqualTo(rows[2].GetProperty("flops").GetInt64()), "of every product");
        foreach (var row in rows)
        {
            Assert.That(row.GetProperty("seconds").GetDouble(), Is.Positive);
            Assert.That(row.GetProperty("seconds_low").GetDouble(), Is.LessThanOrEqualTo(row.GetProperty("seconds_high").GetDouble()));
        }

        // What is left of a step when its ops' times are taken away, in seconds and of a hundred.
        var gaps = root.GetProperty("gaps").EnumerateArray().ToList();
        Assert.That(gaps.Select(g => g.GetProperty("of").GetString()), Is.EqualTo(new[] { "step", "token" }));
        foreach (var (gap, row) in gaps.Zip([rows[1], rows[2]]))
        {
            var whole = row.GetProperty("seconds").GetDouble();
            var left = whole - kernels.Where(k => k.GetProperty("of").GetString() == gap.GetProperty("of").GetString()).Sum(k => k.GetProperty("seconds").GetDouble());
            Assert.That(gap.GetProperty("seconds").GetDouble(), Is.EqualTo(left).Within(1e-9));
            Assert.That(gap.GetProperty("percent").GetDouble(), Is.EqualTo(100 * left / whole).Within(1e-6));
        }

        // A token reads every matrix of the LLM and the language head once, as bfloat16, and does two operations with each element.
        using var model = await TunaModel.LoadAsync(_demo, new() { Device = "cpu" });
        var (hidden, inner, layers) = (model.Config.HiddenSize, model.Config.IntermediateSize, model.Config.NumHiddenLayers);
        var keys = model.Config.NumKeyValueHeads * model.Config.HeadDim;
        var elements = layers * (hidden * (hidden + 2L * keys) + (long)hidden * hidden + 3L * hidden * inner) + (long)hidden * model.Config.VocabSize;
        Assert.That(rows[2].GetProperty("flops").GetInt64(), Is.EqualTo(2 * elements));
        Assert.That(rows[2].GetProperty("bytes").GetInt64(), Is.InRange(2 * elements, 2.1 * elements));
    }

    [Test]
    public async Task Batches_are_timed_beside_one_at_a_time()
    {
        var (code, output, error) = await RunAsync("--rounds", "1", "--steps", "1", "--tokens", "1", "--width", "32", "--height", "16", "--batch", "3", "--json");
        Assert.That(code, Is.Zero, error);
        using var json = JsonDocument.Parse(output);
        var rows = json.RootElement.GetProperty("rows").EnumerateArray().ToList();
        Assert.That(rows.Select(r => $"{r.GetProperty("name")} {r.GetProperty("detail")}"), Is.EqualTo(new[]
        {
            "prefill 2 x 64 tokens", "step 32x16, 2 branches", "step 2 x 32x16, 2 branches", "step 3 x 32x16, 2 branches", "token behind 64 tokens",
            "picture 32x16, 30 steps", "picture 32x16, 30 steps, of 2", "picture 32x16, 30 steps, of 3",
        }));
        Assert.That(rows[3].GetProperty("flops").GetInt64(), Is.EqualTo(3 * rows[1].GetProperty("flops").GetInt64()), "of every picture");
    }

    [Test]
    public async Task Rows_come_as_a_table()
    {
        var (code, output, error) = await RunAsync("--rounds", "1", "--steps", "1", "--tokens", "1", "--pictures", "0");
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Match("(?m)^tuna2-shapes on cpu, .+ processors; a copy of memory moves [0-9.]+ GB/s").And.Match("(?m)^step +64x64, 2 branches +[0-9.]+ "));
        Assert.That(output, Does.Match("(?m)^a token, launch by launch +times").And.Match("(?m)^Attention +[0-9]+ +[0-9.]+ "));
        Assert.That(output, Does.Match(@"(?m)^a whole step, less all of them +-?[0-9.]+ +-?[0-9.]+\r?$").And.Match("(?m)^a whole token, less all of them "));
    }

    [TestCase("tuna2-shapes", 4)]
    [TestCase("tuna_tiny", 6)]
    public async Task Weights_of_a_known_shape_are_made_where_they_run(string shape, int rows)
    {
        using StringWriter output = new(), error = new();
        var code = await Tuna2.Cli.Cli.RunAsync(
            ["bench", "--random", shape, "--device", "cpu", "--rounds", "1", "--steps", "1", "--tokens", "1", "--width", "16", "--height", "16", "--json"], new CliConsole(output, error));
        Assert.That(code, Is.Zero, error.ToString());
        using var json = JsonDocument.Parse(output.ToString());
        Assert.That(json.RootElement.GetProperty("random").GetBoolean(), Is.True);
        Assert.That(json.RootElement.GetProperty("model").GetString(), Is.EqualTo(shape));
        Assert.That(json.RootElement.GetProperty("rows").GetArrayLength(), Is.EqualTo(rows));
    }

    [Test]
    public async Task Growth_has_a_row_for_every_size_and_an_exponent_for_every_axis_of_more_than_one()
    {
        var (code, output, error) = await RunAsync("--growth", "--growth-tokens", "64", "--growth-prefix", "64", "--batch", "4", "--steps", "1", "--rounds", "1", "--json");
        Assert.That(code, Is.Zero, error);
        using var json = JsonDocument.Parse(output);
        Assert.That(json.RootElement.GetProperty("compute").GetString(), Is.EqualTo("float32"));
        var rows = json.RootElement.GetProperty("growth").EnumerateArray().ToList();
        int[] Column(string axis, string column) => [.. rows.Where(r => r.GetProperty("axis").GetString() == axis).Select(r => r.GetProperty(column).GetInt32())];
        Assert.That(Column("tokens", "tokens"), Is.EqualTo(new[] { 4, 8, 16, 32, 64 }));
        Assert.That(Column("tokens", "prefix").Distinct().Count(), Is.EqualTo(1), "one size grows");
        Assert.That(Column("batch", "batch"), Is.EqualTo(new[] { 1, 2, 4 }));
        var prefix = Column("prefix", "prefix");
        Assert.That(prefix.Select(p => p - prefix[0]), Is.EqualTo(new[] { 0, 8, 16, 32, 64 }), "and what frames a prompt comes on top");
        Assert.That(Column("prefix", "tokens"), Is.All.EqualTo(16));

        // Each token goes through every matrix of the step; a branch has its time's besides.
        var flops = rows.Where(r => r.GetProperty("axis").GetString() == "tokens").Select(r => r.GetProperty("flops").GetDouble()).ToArray();
        Assert.That((flops[4] - flops[3]) / (flops[1] - flops[0]), Is.EqualTo(8).Within(1e-9));

        var laws = json.RootElement.GetProperty("laws").EnumerateArray().ToList();
        Assert.That(laws.Select(l => l.GetProperty("axis").GetString()), Is.EqualTo(new[] { "tokens", "batch", "prefix" }));
        foreach (var law in laws)
        {
            var of = rows.Where(r => r.GetProperty("axis").GetString() == law.GetProperty("axis").GetString()).ToList();
            var size = law.GetProperty("axis").GetString()!;
            Assert.That(of[0].GetProperty("exponent").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(of[1].GetProperty("exponent").GetDouble(), Is.EqualTo(
                Math.Log(of[1].GetProperty("seconds").GetDouble() / of[0].GetProperty("seconds").GetDouble()) / Math.Log(of[1].GetProperty(size).GetDouble() / of[0].GetProperty(size).GetDouble())).Within(1e-9));
            Assert.That(law.GetProperty("exponent").GetDouble(), Is.EqualTo(PowerLaw.Fit(of.Select(r => (r.GetProperty(size).GetDouble(), r.GetProperty("seconds").GetDouble())))!.Exponent).Within(1e-9));
        }
    }

    [Test]
    public async Task Growth_comes_as_a_table()
    {
        var (code, output, error) = await RunAsync("--growth", "--growth-tokens", "16", "--growth-prefix", "64", "--batch", "1", "--steps", "1", "--rounds", "1");
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Match(@"(?m)^tokens +1 +1 +[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +-\r?$").And.Match(@"(?m)^tokens +16 .* +-?[0-9.]+\r?$"));
        Assert.That(output, Does.Match(@"(?m)^tokens +a step takes [0-9.e+-]+ s x tokens\^-?[0-9.]+").And.Match("(?m)^batch +not run: one size"));
    }

    [TestCase("--growth --width 64", "--width says nothing to --growth")]
    [TestCase("--growth-tokens 64", "--growth-tokens is --growth's")]
    [TestCase("--growth --growth-tokens 48", "must be a power of two, not 48")]
    [TestCase("--growth --growth-tokens 8", "tokens must be 16 to 16384, not 8")]
    [TestCase("--growth --batch 65", "must be 1 to 64, not 65")]
    [TestCase("--growth --growth-prefix 63", "tokens must be 64 to 16384, not 63")]
    public async Task What_cannot_grow_is_wrong_usage(string arguments, string problem)
    {
        var (code, output, error) = await RunAsync(arguments.Split(' '));
        Assert.That((code, output), Is.EqualTo((2, "")));
        Assert.That(error, Does.Contain(problem));
    }

    [TestCase("--random", "tuna_9", "--random 'tuna_9' is not one of tuna_2_pixel_7b")]
    [TestCase("--random", "tuna2-shapes", "leave one of it and --model out")]
    [TestCase("--pictures", "-1", "pictures must be 0 to 1000, not -1")]
    [TestCase("--rounds", "0", "rounds must be 1 to 1000, not 0")]
    [TestCase("--width", "17", "17")]
    public async Task What_cannot_be_timed_is_wrong_usage(string option, string value, string problem)
    {
        var (code, _, error) = await RunAsync(option, value);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain(problem));
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        var code = await Tuna2.Cli.Cli.RunAsync(["bench", "--model", _demo, "--device", "cpu", .. arguments], new CliConsole(output, error));
        return (code, output.ToString(), error.ToString());
    }
}
