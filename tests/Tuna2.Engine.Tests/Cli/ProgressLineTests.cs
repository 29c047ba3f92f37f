using NUnit.Framework;
using Spectre.Console;
using Tuna2.Cli;
using Tuna2.Cli.Output;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>The line on the terminal while work goes on.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProgressLineTests : IDisposable
{
    private const string Erased = "\r\u001b[K";

    private readonly StringWriter _screen = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _screen.Dispose();

    [Test]
    public void Pictures_show_step_image_time_left_and_the_time_in_all()
    {
        using var progress = Begin(width: 100);
        _time.Advance(1); // the prompt is read
        progress.Report(new GenerationProgress(0, 2, 1, 10));
        progress.Draw();
        Assert.That(Last(), Does.Contain("  5%  image 1/2, step 1/10  1.0 s so far"), "one short step says nothing about the others");
        _time.Advance(2);
        progress.Report(new GenerationProgress(0, 2, 5, 10));
        progress.Draw();
        // 4 steps took 2 s: 15 more take 7.5 s, and 3 s are gone.
        Assert.That(Last(), Does.Contain(" 25%  image 1/2, step 5/10  7.5 s left of about 10.5 s"));
        _time.Advance(0.5);
        progress.Draw();
        Assert.That(Last(), Does.Contain("7.0 s left of about 10.5 s"), "time goes on between two steps");
        _time.Advance(100);
        progress.Draw();
        Assert.That(Last(), Does.Contain("0.0 s left of about 103.5 s"), "a step that takes longer than the others");
    }

    [Test]
    public void Pictures_stepped_together_are_told_together()
    {
        using var progress = Begin(width: 100);
        Tell(first: 0, together: 2, image: 0, step: 1);
        progress.Draw();
        Assert.That(Last(), Does.Contain("  3%  images 1-2/3, step 1/10  "), "one of thirty");
        _time.Advance(2);
        Tell(first: 0, together: 2, image: 1, step: 3);
        progress.Draw();
        // Five steps in 2 s: 24 more take 9.6 s.
        Assert.That(Last(), Does.Contain(" 20%  images 1-2/3, step 3/10  9.6 s left of about 11.6 s"));
        Tell(first: 2, together: 1, image: 2, step: 1);
        progress.Draw();
        Assert.That(Last(), Does.Contain(" 70%  image 3/3, step 1/10  "));

        void Tell(int first, int together, int image, int step) => progress.Report(new GenerationProgress(image, 3, step, 10) { FirstTogether = first, Together = together });
    }

    [Test]
    public void Loading_shows_bytes_and_how_fast_they_come()
    {
        using var progress = Begin(width: 120);
        progress.Report(new LoadProgress(0, 4L << 30));
        _time.Advance(2);
        progress.Report(new LoadProgress(1L << 30, 4L << 30));
        progress.Draw();
        Assert.That(Last(), Does.Contain(" 25%  loading 1.0 GiB of 4.0 GiB, 512.0 MiB/s  6.0 s left of about 8.0 s"));
    }

    [Test]
    public void A_first_step_that_took_long_is_an_estimate_already()
    {
        using var progress = Begin();
        _time.Advance(30);
        progress.Report(new GenerationProgress(0, 1, 1, 4));
        progress.Draw();
        Assert.That(Last(), Does.Contain("90.0 s left of about 2 min 00 s"));
    }

    [Test]
    public void Before_the_first_step_it_says_how_long_it_has_been()
    {
        using var progress = Begin();
        _time.Advance(3);
        progress.Draw();
        Assert.That(Last(), Is.EqualTo("preparing, 3.0 s"));
    }

    [TestCase(200)]
    [TestCase(80)]
    [TestCase(40)]
    [TestCase(20)]
    [TestCase(4)]
    [TestCase(1)]
    public void The_line_never_gets_as_wide_as_the_terminal(int width)
    {
        using var progress = Begin(width);
        _time.Advance(1);
        foreach (var step in new[] { 0, 1, 17, 30 })
        {
            progress.Report(new GenerationProgress(3, 4, step, 30));
            progress.Draw();
            Assert.That(Last(), Has.Length.LessThan(width));
            Assert.That(_screen.ToString(), Does.Not.Contain("\n"));
        }
        if (width >= 20)
            Assert.That(Last(), Does.Contain("100%"));
    }

    [Test]
    public void It_is_gone_afterwards_and_the_cursor_was_never_hidden()
    {
        using (var progress = Begin())
        {
            progress.Report(new GenerationProgress(0, 1, 1, 2));
            progress.Draw();
        }
        Assert.That(_screen.ToString(), Does.EndWith(Erased).And.Not.Contain("\u001b[?25l"));
    }

    [Test]
    public void Work_that_takes_no_time_leaves_no_trace()
    {
        using (var progress = Begin())
            progress.Report(new GenerationProgress(0, 1, 2, 2));
        Assert.That(_screen.ToString(), Is.Empty);
    }

    [Test]
    public void What_is_written_above_takes_the_place_of_the_line()
    {
        using var progress = Begin();
        progress.Report(new GenerationProgress(0, 1, 1, 2));
        progress.Draw();
        progress.Above(() => _screen.WriteLine("a picture"));
        Assert.That(_screen.ToString().Replace("\r\n", "\n", StringComparison.Ordinal), Does.EndWith($"{Erased}a picture\n"));
        progress.Draw();
        Assert.That(Last(), Does.Contain("step 1/2"));
    }

    [Test]
    public void A_terminal_that_stands_still_holds_up_no_computing()
    {
        using var stuck = new StuckWriter();
        var console = new CliConsole(TextWriter.Null, stuck, () => TestTerminal.On(stuck));
        var progress = new ProgressLine(console, _time);
        progress.Report(new GenerationProgress(0, 1, 1, 9));
        var drawing = Task.Run(progress.Draw);
        Assert.That(stuck.Reached.Wait(TimeSpan.FromSeconds(30)), Is.True);
        var computing = Task.Run(() =>
        {
            progress.Report(new GenerationProgress(0, 1, 2, 9));
            progress.Draw(); // another tick of the timer
        });
        Assert.That(computing.Wait(TimeSpan.FromSeconds(30)), Is.True);
        stuck.Release.Set();
        Assert.That(drawing.Wait(TimeSpan.FromSeconds(30)), Is.True);
        progress.Dispose();
    }

    [Test]
    public void A_terminal_that_is_gone_ends_the_line_and_not_the_work()
    {
        using var gone = new GoneWriter();
        var progress = new ProgressLine(new CliConsole(TextWriter.Null, gone, () => TestTerminal.On(gone)), _time);
        progress.Report(new GenerationProgress(0, 1, 1, 9));
        Assert.DoesNotThrow(progress.Draw);
        Assert.DoesNotThrow(progress.Draw);
        Assert.DoesNotThrow(progress.Dispose);
        Assert.That(gone.Tried, Is.EqualTo(1));
    }

    [TestCase(true, false)]
    [TestCase(false, true)]
    public void A_pipe_a_dumb_terminal_and_json_get_nothing(bool dumb, bool json)
    {
        var console = new CliConsole(TextWriter.Null, _screen, () => TestTerminal.On(_screen, ansi: dumb ? AnsiSupport.No : AnsiSupport.Yes)) { Json = json };
        using (var progress = new ProgressLine(console, _time))
        {
            progress.Report(new GenerationProgress(0, 1, 1, 2));
            progress.Draw();
            progress.Above(() => Assert.That(_screen.ToString(), Is.Empty, "there is no line to take away"));
        }
        using (var progress = new ProgressLine(new CliConsole(TextWriter.Null, _screen), _time))
            progress.Draw();
        Assert.That(_screen.ToString(), Is.Empty);
    }

    private ProgressLine Begin(int width = 80) => new(new CliConsole(TextWriter.Null, _screen, () => TestTerminal.On(_screen, width)), _time);

    /// <summary>The line as it was last drawn.</summary>
    private string Last() => _screen.ToString().Split('\r')[^1].Replace("\u001b[K", "", StringComparison.Ordinal);

    /// <summary>Fails, as a terminal whose window was closed.</summary>
    private sealed class GoneWriter : StringWriter
    {
        public int Tried { get; private set; }

        public override void Write(string? value) => Fail();

        public override void Write(char value) => Fail();

        public override void Write(char[] buffer, int index, int count) => Fail();

        public override void Write(ReadOnlySpan<char> buffer) => Fail();

        private void Fail()
        {
            Tried++;
            throw new IOException("Input/output error");
        }
    }

    /// <summary>Takes nothing until it is released, as a terminal after Ctrl-S.</summary>
    private sealed class StuckWriter : StringWriter
    {
        public ManualResetEventSlim Reached { get; } = new();

        public ManualResetEventSlim Release { get; } = new();

        public override void Write(string? value) => Wait();

        public override void Write(char value) => Wait();

        public override void Write(char[] buffer, int index, int count) => Wait();

        public override void Write(ReadOnlySpan<char> buffer) => Wait();

        protected override void Dispose(bool disposing)
        {
            Reached.Dispose();
            Release.Dispose();
            base.Dispose(disposing);
        }

        private void Wait()
        {
            Reached.Set();
            Release.Wait();
        }
    }
}
