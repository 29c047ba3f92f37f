using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>The built program as a process of its own: streams, the current folder, signals.</summary>
public sealed class ProcessTests : CliFixture
{
    [Test]
    public async Task Without_an_output_the_picture_is_written_to_the_current_folder()
    {
        var run = await RunAsync("generate", "a red circle", "--steps", "1", "--width", "16", "--height", "16");
        run.Succeeded();
        Assert.That(run.Out, Does.StartWith("wrote tuna2-42.png (16x16, 1 step, seed 42, "));
        Assert.That(Written(), Is.EqualTo(new[] { "tuna2-42.png" }));
    }

    [Test]
    public async Task An_error_is_one_line_on_standard_error()
    {
        (await RunAsync("generate", "a red circle", "--guidance", "NaN")).Failed(2, "--guidance 'NaN'");
        (await RunAsync("ask", "nothing.png", "Why?")).Failed(1, "nothing.png");
        Assert.That(Written(), Is.Empty);
    }

    [Test]
    public async Task Help_goes_to_standard_output_with_examples()
    {
        var run = (await CliRun.OfAsync(["--help"])).Succeeded();
        Assert.That(run.Out, Does.Contain("First steps:").And.Contain("TUNA2_NVRTC_PATH"));
        Assert.That((await RunAsync("--version")).Succeeded().Out, Does.Match(@"^\d+\.\d+\.\d+"));
    }

    [Test]
    [Platform("Linux")]
    public async Task A_picture_over_the_memory_limit_is_one_line_and_not_a_killed_process([Values] bool checks)
    {
        // 4 GiB of address space, of which .NET reserves half; the picture wants ten.
        using var process = Limited(4 << 20, ["generate", "a red circle", "--width", "4096", "--height", "4096", "--steps", "1", "-o", "out.png", .. checks ? Array.Empty<string>() : ["--no-memory-check"]]);
        var run = await FinishAsync(process);
        if (checks)
            run.Failed(1, "not enough memory for a picture of 4096x4096", "can be had", "a smaller one");
        else
            run.Failed(1, "not enough memory");
        Assert.That(Written(), Is.Empty);
    }

    [TestCase("INT")]
    [TestCase("TERM")]
    [Platform(Exclude = "Win")]
    public async Task A_signal_stops_it_with_130_and_no_file(string signal)
    {
        if (signal == "INT")
            NeedInterrupts();
        using var process = Start("generate", "a red circle", "-o", "out.png", "--steps", "1000", "--width", "256", "--height", "256");
        // By the time it has worked this long it watches for signals, however busy the machine is.
        while (!process.HasExited && process.TotalProcessorTime < TimeSpan.FromSeconds(1))
        {
            await Task.Delay(20);
            process.Refresh();
        }
        var watch = Stopwatch.StartNew();
        using (var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        var run = await FinishAsync(process);
        TestContext.Out.WriteLine($"ended {watch.Elapsed.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture)} s after SIG{signal}");
        run.Failed(130, "tuna2: cancelled");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)));
        Assert.That(Written(), Is.Empty);
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_reader_that_goes_away_is_no_error()
    {
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", "dotnet \"$0\" inspect --tensors | head -n 1; echo ${PIPESTATUS[0]}", typeof(Tuna2.Cli.Cli).Assembly.Location])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var run = (await FinishAsync(process)).Succeeded();
        Assert.That(run.Out, Does.Match("^model [^\n]*\n0\n$"));
    }

    [Test]
    [Platform("Linux")]
    public async Task Progress_goes_to_the_terminal_also_when_the_result_goes_to_a_file()
    {
        if (!File.Exists("/usr/bin/script"))
            Assert.Ignore("a terminal is made by script, of util-linux");
        // script writes down what its terminal showed: here standard error alone.
        var command = $"dotnet '{typeof(Tuna2.Cli.Cli).Assembly.Location}' generate 'a red circle' -o a.png --steps 100 > result.txt";
        var start = new ProcessStartInfo("/usr/bin/script", ["-qec", command, "/dev/null"])
        {
            WorkingDirectory = Folder.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TERM"] = "xterm";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero);
        Assert.That(await output, Does.Match(@"\r[^\r]* step [0-9]+/100  [^\r]* left of about ").And.EndsWith("\r\u001b[K").And.Not.Contain("\n"));
        Assert.That(await File.ReadAllTextAsync(Folder.File("result.txt")), Does.Match(@"^wrote a\.png \([^\u001b\r]*\)\n$"));
    }

    [Test]
    public async Task Without_culture_data_the_doctor_says_what_is_lost()
    {
        using var process = StartWith(new() { ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1" }, "doctor");
        var run = await FinishAsync(process);
        Assert.That(run.Code, Is.EqualTo(1), run.Out);
        Assert.That(run.Out, Does.Match("(?m)^problem +text +no Unicode normalisation").And.Contain("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_driver_that_was_chosen_is_the_one_that_is_asked()
    {
        using var fake = new Cuda.FakeDriver();
        using var process = StartWith(new() { ["TUNA2_LIBCUDA_PATH"] = fake.Path }, "devices");
        var run = (await FinishAsync(process)).Succeeded();
        Assert.That(run.Out, Does.Match("(?m)^cuda:1 +[^\n]*80.0 GiB"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task An_interrupt_stops_a_chats_answer_and_the_next_one_the_chat()
    {
        NeedInterrupts();
        using var process = Start("chat", Circle, "--temperature", "50", "--max-tokens", "30000");
        await process.StandardInput.WriteLineAsync("Describe the image in detail.");
        await process.StandardInput.FlushAsync();
        Assert.That(await process.StandardOutput.ReadAsync(new char[1]), Is.EqualTo(1), "the answer has begun");
        await InterruptAsync(process);
        Assert.That(await process.StandardError.ReadLineAsync(), Is.EqualTo("stopped: the question is forgotten"));
        await InterruptAsync(process);
        var run = await FinishAsync(process);
        Assert.That((run.Code, run.Error), Is.EqualTo((130, "tuna2: cancelled\n")));

        static async Task InterruptAsync(Process process)
        {
            using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }
    }

    [Test]
    public async Task With_TUNA2_DEBUG_an_error_comes_with_its_stack()
    {
        using var process = StartWith(new() { ["TUNA2_DEBUG"] = "1" }, "reconstruct", "nothing.png");
        var run = await FinishAsync(process);
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Error, Does.StartWith("tuna2: nothing.png: no such file\n").And.Contain("   at Tuna2."));
    }

    /// <summary>Starts it with at most so many KiB of address space.</summary>
    private Process Limited(long kib, string[] args) => Process.Start(new ProcessStartInfo("bash", ["-c", $"ulimit -v {kib.ToString(CultureInfo.InvariantCulture)} && exec dotnet \"$@\"", "bash", typeof(Tuna2.Cli.Cli).Assembly.Location, .. args])
    {
        WorkingDirectory = Folder.Path,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>What a shell runs in the background ignores Ctrl-C from birth, and so does all that it starts.</summary>
    private static void NeedInterrupts()
    {
        const int interrupt = 1 << (2 - 1);
        const string ignored = "SigIgn:";
        if (File.Exists("/proc/self/status") && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(ignored, StringComparison.Ordinal)) is { } line
            && (long.Parse(line[ignored.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & interrupt) != 0)
            Assert.Ignore("SIGINT is ignored here: the tests run in the background of a shell");
    }

    private Process Start(params string[] args) => StartWith([], args);

    private Process StartWith(Dictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Tuna2.Cli.Cli).Assembly.Location, .. args])
        {
            WorkingDirectory = Folder.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private async Task<CliRun> RunAsync(params string[] args)
    {
        using var process = Start(args);
        return await FinishAsync(process);
    }

    private static async Task<CliRun> FinishAsync(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CliRun(process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }
}
