using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Tuna2.Engine;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Models;

namespace Tuna2.Cli.Options;

/// <summary>How large pictures are: --size in pixels, as a shape or like the source; --class; --width and --height.</summary>
internal sealed class SizeOptions
{
    private const string SourceWord = "source";

    private readonly Option<Choice?> _size;
    private readonly Option<int?> _class = NumberOptions.Integer("--class", "Which of the official sizes a shape means: 512 or 1024 [default: the model's]");
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns in pixels, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows in pixels, a multiple of 16 [default: the model's]");

    /// <param name="hasSource">Whether the command reads a picture whose shape can be taken.</param>
    public SizeOptions(bool hasSource)
    {
        var words = string.Join(", ", OfficialSizes.Shapes);
        _size = new Option<Choice?>("--size")
        {
            Description = $"WxH in pixels, or a shape: {words}{(hasSource ? $"; {SourceWord} for the one nearest the picture's" : "")} [default: the model's]",
            HelpName = hasSource ? $"WxH|W:H|{SourceWord}" : "WxH|W:H",
            CustomParser = result => Parse(result, hasSource),
        };
        _size.CompletionSources.Add([.. OfficialSizes.Shapes, .. OfficialSizes.All.Select(size => size.ToString()), .. hasSource ? [SourceWord] : (string[])[]]);
    }

    public void AddTo(Command command)
    {
        command.Add(_size);
        command.Add(_class);
        command.Add(_width);
        command.Add(_height);
    }

    /// <summary>The options with the size the user asked for; unchanged where none was.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="config">The model.</param>
    /// <param name="options">What holds without a size.</param>
    /// <param name="source">The picture the command reads, if any.</param>
    /// <exception cref="RequestException">The options contradict each other.</exception>
    public ImageOptions Apply(ParseResult parsed, ModelConfig config, ImageOptions options, RgbImage? source)
    {
        var (width, height, sizeClass, choice) = (parsed.GetValue(_width), parsed.GetValue(_height), parsed.GetValue(_class), parsed.GetValue(_size));
        if (choice is not null && (width ?? height) is not null)
            throw new RequestException("--size and --width or --height say one thing twice: give either");
        if (sizeClass is not null && (choice is { Pixels: not null } || (width ?? height) is not null))
            throw new RequestException("--class chooses among the official sizes; a size in pixels leaves nothing to choose");
        if (choice is { Pixels: { } pixels })
            return Sized(pixels);
        if (choice is { Shape: { } shape })
            return Sized(OfficialSizes.OfShape(config, shape, sizeClass));
        if (choice is not null)
            return Sized(OfficialSizes.Nearest(config, (double)source!.Width / source.Height, sizeClass));
        (width, height) = (width ?? options.Width, height ?? options.Height);
        if (sizeClass is not null)
            return Sized(OfficialSizes.Nearest(config, (double)(width ?? config.Defaults.Width) / (height ?? config.Defaults.Height), sizeClass));
        return options with { Width = width, Height = height };

        ImageOptions Sized(PictureSize size) => options with { Width = size.Width, Height = size.Height };
    }

    private static Choice? Parse(ArgumentResult result, bool hasSource)
    {
        var text = result.Tokens[0].Value;
        if (hasSource && text == SourceWord)
            return new Choice(null, null);
        if (OfficialSizes.Shapes.Contains(text))
            return new Choice(null, text);
        if (text.Split('x', 'X') is [var width, var height] && Side(width) is { } columns && Side(height) is { } rows)
            return new Choice(new PictureSize(columns, rows), null);
        result.AddError($"--size '{text}' is neither WxH in pixels nor one of {string.Join(", ", OfficialSizes.Shapes)}{(hasSource ? $", {SourceWord}" : "")}");
        return null;

        static int? Side(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var side) ? side : null;
    }

    /// <summary>A size, a shape, or neither: that of the source. A class, so that what cannot be read is null.</summary>
    private sealed record Choice(PictureSize? Pixels, string? Shape);
}
