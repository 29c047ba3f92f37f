using Tuna2.Engine;
using Tuna2.Engine.Imaging;

namespace Tuna2.Cli.Output;

/// <summary>
/// How pictures, or a clip, come along: the line of progress and, with --preview, what they look like so far, in files beside the
/// output and in the terminal.
/// </summary>
/// <param name="console">Where it is shown.</param>
/// <param name="previewPath">The file of a preview; null where the output is a stream, and none is written.</param>
internal sealed class PictureProgress(CliConsole console, Func<GenerationProgress, string>? previewPath) : IProgress<GenerationProgress>, IDisposable
{
    private readonly ProgressLine _line = new(console);
    private readonly TerminalPicture _drawing = new(console.Error, () => console.Screen);
    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<string>> _previews = [];
    private bool _failed;

    /// <inheritdoc/>
    public void Report(GenerationProgress value)
    {
        lock (_lock)
        {
            if (value.Preview is { } preview)
                _line.Above(() =>
                {
                    _drawing.Draw(preview);
                    Write(preview, value);
                });
            _line.Report(value);
        }
    }

    /// <summary>A picture is finished, or a clip, which is shown by its first: it is drawn in its previews' place, and stays. Comes from another thread than the reports.</summary>
    public void Finished(RgbImage picture)
    {
        lock (_lock)
        {
            if (_previews.Count == 0)
                return;
            _line.Above(() =>
            {
                _drawing.Draw(picture);
                _drawing.Keep();
            });
        }
    }

    /// <summary>The previews written of a picture.</summary>
    public IReadOnlyList<string> PreviewsOf(int image)
    {
        lock (_lock)
            return [.. _previews.GetValueOrDefault(image, [])];
    }

    /// <inheritdoc/>
    public void Dispose() => _line.Dispose();

    /// <summary>A preview that cannot be written is no reason to lose the picture.</summary>
    private void Write(RgbImage preview, GenerationProgress progress)
    {
        if (!_previews.TryGetValue(progress.Image, out var written))
            _previews.Add(progress.Image, written = []);
        if (previewPath is null || _failed)
            return;
        try
        {
            var path = previewPath(progress);
            preview.Save(path);
            written.Add(path);
        }
        catch (ImageException e)
        {
            _failed = true;
            console.Warn($"{e.Message}; no more previews are written");
        }
    }
}
