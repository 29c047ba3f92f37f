using System.CommandLine;
using System.Text;
using Tuna2.Engine;

namespace Tuna2.Cli.Options;

/// <summary>--prompts: a file of prompts, a line each.</summary>
internal sealed class PromptsOption
{
    private readonly Option<string?> _prompts = new("--prompts") { Description = "A text file of prompts, a line each (- for standard input), in place of PROMPT", HelpName = "FILE" };

    public void AddTo(Command command) => command.Add(_prompts);

    /// <summary>The option itself.</summary>
    public Option Option => _prompts;

    /// <summary>The prompts, blank lines left out; null without the option.</summary>
    /// <exception cref="RequestException">The file cannot be read, is not UTF-8, or has no prompt; or a prompt was given besides.</exception>
    public IReadOnlyList<string>? Read(ParseResult parsed, CliConsole console, Argument<string?> prompt)
    {
        if (parsed.GetValue(_prompts) is not { } path)
            return null;
        if (parsed.GetValue(prompt) is not null)
            throw new RequestException($"{prompt.Name} and --prompts both say what to draw: give either");
        var input = path == StandardStreams.Name;
        if (input && console.Streams.InputIsTerminal)
            throw new RequestException("standard input is a terminal: send prompts into it, or name a file");
        var name = input ? "standard input" : path;
        try
        {
            using var stream = input ? console.Streams.OpenInput() : File.OpenRead(path);
            using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
            string[] lines = [.. reader.ReadToEnd().ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];
            return lines.Length > 0 ? lines : throw new RequestException($"{name}: there is no prompt in it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"cannot read {name}: {e.Message}");
        }
        catch (DecoderFallbackException)
        {
            throw new RequestException($"{name}: not text in UTF-8");
        }
    }
}
