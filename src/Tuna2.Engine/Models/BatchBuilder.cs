using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>Picks what a batch computes out of prompts: positions [from, to) of one branch after the other.</summary>
internal sealed class BatchBuilder
{
    private readonly List<Sequence> _sequences = [];
    private readonly List<int> _tokens = [];
    private readonly List<PatchPlacement> _patches = [];
    private readonly List<TimePlacement> _times = [];
    private readonly List<PredictionPlacement> _predictions = [];
    private readonly List<int> _picked = [];
    private readonly List<int> _prefixes = [];
    private readonly List<PictureStep> _steps = [];

    /// <summary>Rows so far.</summary>
    public int Rows => _tokens.Count;

    /// <summary>
    /// Adds positions [from, to) of a prompt: text pieces and spans become sequences over the branch's keys at
    /// <paramref name="kvBase"/>. A picture is inside the range or outside it, never cut.
    /// </summary>
    /// <exception cref="ArgumentException">The range cuts a picture.</exception>
    /// <param name="layout">The prompt.</param>
    /// <param name="from">First position.</param>
    /// <param name="to">Position behind the last.</param>
    /// <param name="kvBase">Where the branch's keys begin.</param>
    /// <param name="cleanTime">Row of the time tables for clean spans.</param>
    /// <param name="targetTime">Row of the time tables for the span being denoised.</param>
    /// <param name="sourcePicture">Picture slot of reconstruct's source patches, and of the range's first clean span; the next ones take the slots behind it.</param>
    /// <param name="targetPicture">Picture slot of the span being denoised.</param>
    public BatchBuilder Add(PromptLayout layout, int from, int to, int kvBase, int cleanTime, int targetTime, int sourcePicture, int targetPicture)
    {
        if (layout.Spans.FirstOrDefault(s => Cut(s.Offset, s.End)) is { Length: > 1 } torn)
            throw new ArgumentException($"positions {from} to {to} cut {torn}", nameof(layout));
        if (layout.SourcePatches is { } patches && Cut(patches, patches + layout.Target.Grid.Count))
            throw new ArgumentException($"positions {from} to {to} cut the source's patches", nameof(layout));
        var (position, source) = (from, sourcePicture);
        while (position < to)
        {
            var row = Rows;
            if (layout.Spans.FirstOrDefault(s => s.Offset == position) is { Length: > 1 } span)
            {
                var time = span.Clean ? cleanTime : targetTime;
                Sequence(span.Length, time, span.Grid);
                _times.Add(new TimePlacement(time, row));
                _patches.Add(new PatchPlacement(span.Clean ? source++ : targetPicture, row + 1));
                _tokens.AddRange(Enumerable.Repeat(-1, span.Length));
            }
            else
            {
                var end = layout.Spans.Where(s => s.Offset > position).Select(s => s.Offset).Append(to).Min();
                Sequence(end - position, -1, null);
                _tokens.AddRange(layout.Tokens.Skip(position).Take(end - position));
            }
            position += _sequences[^1].QLen;

            void Sequence(int length, int mod, Grid? grid) =>
                _sequences.Add(new Sequence(row, length, kvBase, position, position, mod, grid));
        }

        if (layout.SourcePatches is { } padding && padding >= from && padding < to)
        {
            var first = Rows - (to - padding);
            var count = layout.Target.Grid.Count;
            _patches.Add(new PatchPlacement(sourcePicture, first));
            for (var i = 0; i < count; i++)
                _tokens[first + i] = -1;
        }
        return this;

        bool Cut(int begin, int end) => begin < to && end > from && (begin < from || end > to);
    }

    /// <summary>Adds one token of text at a position behind what the caches hold.</summary>
    public BatchBuilder AddToken(int token, int position, int kvBase)
    {
        _sequences.Add(new Sequence(Rows, 1, kvBase, position, position, -1, null));
        _tokens.Add(token);
        return this;
    }

    /// <summary>Asks for the prediction of the span whose time token is at <paramref name="timeRow"/>.</summary>
    public BatchBuilder Predict(int timeRow, int slot)
    {
        _predictions.Add(new PredictionPlacement(timeRow + 1, slot));
        return this;
    }

    /// <summary>Says which of the prefixes that are kept stands before the sequence added last.</summary>
    public BatchBuilder Recall(int prefix)
    {
        _prefixes.Add(prefix);
        return this;
    }

    /// <summary>Has a picture take a step, by the spans whose time tokens are at these rows.</summary>
    public BatchBuilder Step(int picture, int conditional, int? unconditional, StepParameters numbers)
    {
        _steps.Add(new PictureStep(picture, conditional + 1, unconditional + 1 ?? -1, numbers));
        return this;
    }

    /// <summary>Asks for the language head at the last row added.</summary>
    public BatchBuilder PickLast()
    {
        _picked.Add(Rows - 1);
        return this;
    }

    /// <summary>The finished tables.</summary>
    public Batch Build() => new()
    {
        Sequences = [.. _sequences],
        Tokens = [.. _tokens],
        Patches = [.. _patches],
        Times = [.. _times],
        Predictions = [.. _predictions],
        Picked = [.. _picked],
        Prefixes = [.. _prefixes],
        Steps = [.. _steps],
    };
}
