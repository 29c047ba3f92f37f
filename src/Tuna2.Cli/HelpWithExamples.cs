using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Tuna2.Cli.Commands;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;

namespace Tuna2.Cli;

/// <summary>The usual help, followed by what the command understands while it runs and its examples; that of tuna2 itself by the first steps and the environment.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    private static readonly string[] _firstSteps =
    [
        "tuna2 doctor",
        "tuna2 demo",
        "tuna2 generate \"a large red circle on a blue background\" -o circle.png",
        "tuna2 ask circle.png \"What color is the circle?\"",
    ];

    private static readonly (string Name, string Meaning)[] _environment =
    [
        (Cli.DebugVariable, "1 shows an error with its stack"),
        ("NO_COLOR", "progress without colors"),
        (KernelCache.Variable, "the folder of compiled kernels"),
        .. DeviceLibraries.Variables.Select(library => (library.Variable, $"{library.Name}, or its folder")),
    ];

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var code = help.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        switch (parseResult.CommandResult.Command)
        {
            case TunaCommand command:
                Write(output, "While it runs:", command.SpokenTo);
                Write(output, "Examples:", command.Examples);
                break;
            case RootCommand:
                Write(output, "First steps:", _firstSteps);
                Write(output, "Environment:", [.. _environment.Select(variable => $"{variable.Name,-20} {variable.Meaning}")]);
                output.WriteLine("'tuna2 COMMAND --help' has the options and examples of a command.");
                break;
        }
        return code;
    }

    private static void Write(TextWriter output, string heading, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0)
            return;
        output.WriteLine(heading);
        foreach (var line in lines)
            output.WriteLine($"  {line}");
        output.WriteLine();
    }
}
