using System.Diagnostics;
using System.Globalization;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>
/// One line on standard error that is rewritten in place while work goes on and is gone afterwards. Where standard error is
/// no terminal nothing is written at all.
/// </summary>
internal sealed class ProgressLine(CliConsole console) : IProgress<LoadProgress>, IProgress<WriteProgress>, IProgress<GenerationProgress>, IDisposable
{
    private static readonly TimeSpan _leastBetween = TimeSpan.FromMilliseconds(50);

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _lastWrite;
    private int _written;

    /// <inheritdoc/>
    public void Report(LoadProgress value)
    {
        if (value.TotalBytes > 0)
            Rewrite(string.Create(CultureInfo.InvariantCulture, $"loading {100 * value.Bytes / value.TotalBytes}%"));
    }

    /// <inheritdoc/>
    public void Report(WriteProgress value) =>
        Rewrite(string.Create(CultureInfo.InvariantCulture, $"writing {100 * value.Bytes / value.TotalBytes}%"));

    /// <inheritdoc/>
    public void Report(GenerationProgress value)
    {
        long done = (long)value.Image * value.Steps + value.Step, all = (long)value.Images * value.Steps;
        var left = _watch.Elapsed.TotalSeconds * (all - done) / Math.Max(done, 1);
        var image = value.Images > 1 ? $"  image {value.Image + 1}/{value.Images}" : "";
        Rewrite(string.Create(CultureInfo.InvariantCulture, $"step {value.Step}/{value.Steps}{image}  {Duration.Text(left)} left"));
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    /// <summary>Takes the line away; the next report writes it again.</summary>
    public void Clear()
    {
        if (_written > 0)
            console.Error.Write($"\r{new string(' ', _written)}\r");
        _written = 0;
    }

    private void Rewrite(string text)
    {
        if (!console.ShowProgress || _watch.Elapsed - _lastWrite < _leastBetween && _written > 0)
            return;
        _lastWrite = _watch.Elapsed;
        // Spaces and not an escape sequence wipe what is left of a longer line: every terminal knows them.
        console.Error.Write($"\r{text.PadRight(_written)}");
        _written = text.Length;
    }
}
