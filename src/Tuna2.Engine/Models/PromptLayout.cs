using Tuna2.Engine.Graph;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Models;

/// <summary>A picture's span in a prompt: its time token stands at <paramref name="Offset"/>, its patches behind it.</summary>
/// <param name="Offset">Position of the time token.</param>
/// <param name="Grid">The patches.</param>
/// <param name="Clean">A source at t = 1; false for the picture that is denoised.</param>
internal readonly record struct Span(int Offset, Grid Grid, bool Clean)
{
    /// <summary>Positions it takes: the time token and the patches.</summary>
    public int Length => Grid.Count + 1;

    /// <summary>The position behind it.</summary>
    public int End => Offset + Length;
}

/// <summary>
/// The tokens of one branch of a prompt, and what stands where (MODEL.md section 2, official pipelines and misc.py
/// prepare_gen_input, prepare_gen_input_edit). Pictures take N + 1 placeholders: time token, then patches.
/// </summary>
internal sealed class PromptLayout
{
    private PromptLayout(IReadOnlyList<int> tokens, IReadOnlyList<Span> spans, int? sourcePatches = null)
    {
        Tokens = tokens;
        Spans = spans;
        SourcePatches = sourcePatches;
    }

    /// <summary>One id per position.</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>The pictures, in order.</summary>
    public IReadOnlyList<Span> Spans { get; }

    /// <summary>Where the clean source's patch embeddings replace padding (reconstruct), or null.</summary>
    public int? SourcePatches { get; }

    /// <summary>The span that is denoised: the last one that is not clean.</summary>
    public Span Target => Spans.Last(s => !s.Clean);

    /// <summary>bos prompt boi span eoi eos.</summary>
    public static PromptLayout TextToImage(TunaTokens t, IReadOnlyList<int> prompt, Grid grid) => new(
        [t.Bos, .. prompt, t.Boi, .. Placeholders(t, grid), t.Eoi, t.Eos],
        [new Span(prompt.Count + 2, grid, Clean: false)]);

    /// <summary>
    /// What a variant draws a picture again from: bos prompt N x [PAD] boi span eoi eos, where the source's patch embeddings take
    /// the padding's place; Tuna, whose source is the start state alone, has no padding.
    /// </summary>
    public static PromptLayout Reconstruct(TunaTokens t, IReadOnlyList<int> prompt, Grid grid, ModelVariant variant) =>
        variant == ModelVariant.Tuna ? TextToImage(t, prompt, grid) : Reconstruct(t, prompt, grid);

    /// <summary>bos prompt N x [PAD] boi span eoi eos; the source's patch embeddings take the padding's place.</summary>
    public static PromptLayout Reconstruct(TunaTokens t, IReadOnlyList<int> prompt, Grid grid) => new(
        [t.Bos, .. prompt, .. Enumerable.Repeat(t.Pad, grid.Count), t.Boi, .. Placeholders(t, grid), t.Eoi, t.Eos],
        [new Span(prompt.Count + grid.Count + 2, grid, Clean: false)],
        sourcePatches: prompt.Count + 1);

    /// <summary>bos boi source span eoi instruction boi target span eoi eos.</summary>
    public static PromptLayout Edit(TunaTokens t, IReadOnlyList<int> instruction, Grid grid) => new(
        [t.Bos, t.Boi, .. Placeholders(t, grid), t.Eoi, .. instruction, t.Boi, .. Placeholders(t, grid), t.Eoi, t.Eos],
        [new Span(2, grid, Clean: true), new Span(grid.Count + instruction.Count + 5, grid, Clean: false)]);

    /// <summary>Text alone.</summary>
    public static PromptLayout Text(IReadOnlyList<int> tokens) => new(tokens, []);

    /// <summary>This prompt with another behind it, whose pictures move along. Neither is one to reconstruct.</summary>
    public PromptLayout With(PromptLayout next) => new(
        [.. Tokens, .. next.Tokens],
        [.. Spans, .. next.Spans.Select(span => span with { Offset = span.Offset + Tokens.Count })]);

    /// <summary>This prompt with text behind it.</summary>
    public PromptLayout With(IReadOnlyList<int> tokens) => With(Text(tokens));

    /// <summary>This prompt with a picture to look at behind it: boi span eoi.</summary>
    public PromptLayout WithPicture(TunaTokens t, Grid grid) =>
        With(new PromptLayout([t.Boi, .. Placeholders(t, grid), t.Eoi], [new Span(1, grid, Clean: true)]));

    /// <summary>The same prompt with padding behind it: as the official code hands it over; nothing before it can tell.</summary>
    public PromptLayout Padded(int length, int pad) => new([.. Tokens, .. Enumerable.Repeat(pad, length - Tokens.Count)], Spans, SourcePatches);

    private static IEnumerable<int> Placeholders(TunaTokens t, Grid grid) => Enumerable.Repeat(t.ImagePad, grid.Count + 1);
}
