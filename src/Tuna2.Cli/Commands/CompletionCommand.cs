using System.CommandLine;
using System.Reflection;
using Tuna2.Cli.Options;

namespace Tuna2.Cli.Commands;

/// <summary>tuna2 completion: the script that makes a shell complete tuna2's commands, options and values.</summary>
internal sealed class CompletionCommand : TunaCommand
{
    private static readonly string[] _shells = ["bash", "zsh", "fish", "pwsh"];

    private readonly Argument<string> _shell = new("SHELL") { HelpName = "SHELL", Description = $"One of {string.Join(", ", _shells)}" };
    private readonly Option<bool> _json = CommonOptions.Json();

    public CompletionCommand(CliConsole console)
        : base("completion", "Print the script that lets a shell complete commands, options, values and file names", console)
    {
        Examples =
        [
            "source <(tuna2 completion bash)",
            "source <(tuna2 completion zsh)",
            "tuna2 completion fish > ~/.config/fish/completions/tuna2.fish",
            "tuna2 completion pwsh | Out-String | Invoke-Expression",
        ];
        _shell.CompletionSources.Add(_shells);
        _shell.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var shell }] && !_shells.Contains(shell))
                result.AddError($"SHELL '{shell}' is not one of {string.Join(", ", _shells)}");
        });
        Add(_shell);
        Add(_json);
    }

    /// <inheritdoc/>
    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var shell = parsed.GetRequiredValue(_shell);
        var script = Script(shell);
        if (parsed.GetValue(_json))
        {
            Console.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteString("shell", shell);
                json.WriteString("script", script);
                json.WriteEndObject();
            });
        }
        else
        {
            Console.Out.Write(script);
        }
        return Task.FromResult(ExitCode.Ok);
    }

    private static string Script(string shell)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"tuna2.{shell}")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
