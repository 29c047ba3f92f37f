using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>
/// One line on the terminal that is rewritten while work goes on and is gone afterwards: a bar, how far it is, the time left and
/// the time it will have taken in all. Where standard error is no terminal nothing is written at all.
/// </summary>
/// <remarks>
/// <para>
/// The bar, colours and what a terminal can do are Spectre.Console's; the line is ours. Spectre's live displays hide the cursor,
/// which a killed process leaves hidden, and clear the scrollback when the window gets narrower.
/// </para>
/// <para>
/// Who reports only leaves a note: a timer draws, so that a terminal that is slow, or stopped with Ctrl-S, holds up no computing.
/// </para>
/// </remarks>
internal sealed class ProgressLine : IProgress<LoadProgress>, IProgress<WriteProgress>, IProgress<GenerationProgress>, IProgress<CountProgress>, IDisposable
{
    private const int WidestBar = 40;
    private const int NarrowestBar = 8;
    private const double FirstSeconds = 5;
    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole? _terminal;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly Lock _drawing = new();
    private readonly ITimer? _timer;
    private Pace? _pace;
    private Note? _note;
    private bool _drawn;
    private bool _ended;

    /// <summary>Begins; the line appears when the work takes longer than an instant.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="time">What tells the time; null for the clock.</param>
    public ProgressLine(CliConsole console, TimeProvider? time = null)
    {
        _terminal = console.Terminal;
        _time = time ?? TimeProvider.System;
        _start = _time.GetTimestamp();
        _timer = _terminal is null ? null : _time.CreateTimer(_ => Draw(), null, _between, _between);
    }

    /// <inheritdoc/>
    public void Report(LoadProgress value) => TakeBytes("loading", value.Bytes, value.TotalBytes);

    /// <inheritdoc/>
    public void Report(WriteProgress value) => TakeBytes("writing", value.Bytes, value.TotalBytes);

    /// <inheritdoc/>
    public void Report(GenerationProgress value)
    {
        var step = string.Create(CultureInfo.InvariantCulture, $"step {value.Step}/{value.Steps}");
        var (first, together) = (value.FirstTogether, value.Together);
        var image = value.Images == 1 ? ""
            : together == 1 ? string.Create(CultureInfo.InvariantCulture, $"image {value.Image + 1}/{value.Images}, ")
            : string.Create(CultureInfo.InvariantCulture, $"images {first + 1}-{first + together}/{value.Images}, ");
        // Of pictures that are stepped together each is told of, step by step.
        Take((long)first * value.Steps + (value.Step - 1) * together + value.Image - first + 1, (long)value.Images * value.Steps, _ => image + step, step);
    }

    /// <inheritdoc/>
    public void Report(CountProgress value)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{value.What} {value.Done}/{value.Total}");
        Take(value.Done, value.Total, _ => text, text);
    }

    /// <summary>
    /// Lets something else write on standard error, above the line: a warning, a picture. The line is not drawn meanwhile.
    /// </summary>
    /// <param name="write">Writes whole lines.</param>
    public void Above(Action write)
    {
        lock (_drawing)
        {
            if (_terminal is not null)
                Erase();
            write();
        }
    }

    /// <summary>Draws the line as it stands now.</summary>
    internal void Draw()
    {
        // A timer does not wait for its last call: while the terminal holds that one up, the others have nothing to do.
        if (_terminal is null || !_drawing.TryEnter())
            return;
        try
        {
            if (_ended)
                return;
            Write(new Line(Parts(_terminal.Profile.Width - 1)));
            _drawn = true;
        }
        finally
        {
            _drawing.Exit();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    /// <summary>Takes the line away; the next report writes it again.</summary>
    public void Clear()
    {
        _timer?.Dispose();
        if (_terminal is null)
            return;
        lock (_drawing)
        {
            Erase();
            _ended = true;
        }
    }

    private void TakeBytes(string what, long done, long total)
    {
        if (total > 0)
            Take(done, total, seconds => $"{what} {ByteCount.Of(done)} of {ByteCount.Of(total)}{(seconds > 0 ? $", {ByteCount.Of((long)(done / seconds))}/s" : "")}", what);
    }

    private void Take(long done, long total, Func<double, string> text, string shortText)
    {
        var now = _time.GetElapsedTime(_start).TotalSeconds;
        _pace = (_pace ?? new(done, now)).With(done, now);
        Volatile.Write(ref _note, new(done, total, now, _pace, text, shortText));
    }

    private void Erase()
    {
        if (_drawn && !_ended)
            Write(new Line([]));
        _drawn = false;
    }

    /// <summary>A terminal that is gone, its window closed or its connection lost, ends the line and not the work.</summary>
    private void Write(Line line)
    {
        try
        {
            _terminal!.Write(line);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _ended = true;
        }
    }

    /// <summary>What has room on the line, from the longest way of saying it to the shortest.</summary>
    private IReadOnlyList<IRenderable> Parts(int width)
    {
        var now = _time.GetElapsedTime(_start).TotalSeconds;
        if (Volatile.Read(ref _note) is not { } note)
            return [Fitting(width, $"preparing, {Duration.Text(now)}", "preparing")];

        var left = note.Pace.SecondsOf(note.Total - note.Done) is { } seconds ? Math.Max(0, seconds - (now - note.At)) : (double?)null;
        var percent = string.Create(CultureInfo.InvariantCulture, $"{100 * note.Done / note.Total,3}%");
        var text = note.Text(note.At);
        var times = left is null ? $"{Duration.Text(now)} so far" : $"{Duration.Text(left.Value)} left of about {Duration.Text(now + left.Value)}";
        var remaining = left is null ? times : $"{Duration.Text(left.Value)} left";
        string[] ways = [$"{percent}  {text}  {times}", $"{percent}  {note.ShortText}  {times}", $"{percent}  {note.ShortText}  {remaining}", $"{percent}  {remaining}", percent];
        var words = Fitting(width, ways);
        var bar = Math.Min(WidestBar, width - words.Length - 1);
        if (bar < NarrowestBar)
            return [words];
        var task = new ProgressTask(0, text, note.Total, autoStart: false) { Value = note.Done };
        return [new ProgressBarColumn { Width = bar }.Render(RenderOptions.Create(_terminal!, _terminal!.Profile.Capabilities), task, default), new Words(" " + words.Text)];
    }

    private static Words Fitting(int width, params string[] ways) => new(ways.FirstOrDefault(way => way.Length <= width) ?? "");

    /// <summary>What was last reported.</summary>
    /// <param name="Done">Units of work that are done.</param>
    /// <param name="Total">Units in all.</param>
    /// <param name="At">When, in seconds from the start.</param>
    /// <param name="Pace">How fast it went until then.</param>
    /// <param name="Text">Says what is done; given the seconds it took.</param>
    /// <param name="ShortText">The same where the terminal is narrow.</param>
    private sealed record Note(long Done, long Total, double At, Pace Pace, Func<double, string> Text, string ShortText);

    /// <summary>How fast work goes, from its first report to its last: what came before the first (reading the prompt) does not come again.</summary>
    private sealed record Pace(long FirstDone, double FirstAt, long LastDone, double LastAt)
    {
        public Pace(long done, double at) : this(done, at, done, at) { }

        public Pace With(long done, double at) => this with { LastDone = done, LastAt = at };

        /// <summary>How long so much will take; null while that cannot be said: in its first seconds a program is slower than later.</summary>
        public double? SecondsOf(long units) =>
            LastDone > FirstDone ? (LastAt - FirstAt) / (LastDone - FirstDone) * units
            : LastDone > 0 && LastAt >= FirstSeconds ? LastAt / LastDone * units
            : null;
    }

    /// <summary>Plain text.</summary>
    private sealed class Words(string text) : Renderable
    {
        public string Text => text;

        public int Length => text.Length;

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => [new Segment(text)];
    }

    /// <summary>Parts side by side in place of the line the cursor is in; without any, the line is empty.</summary>
    private sealed class Line(IReadOnlyList<IRenderable> parts) : Renderable
    {
        private const string ToStart = "\r";
        private const string EraseRest = "\u001b[K";

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            [Segment.Control(ToStart), .. parts.SelectMany(part => part.Render(options, maxWidth)), Segment.Control(EraseRest)];
    }
}
