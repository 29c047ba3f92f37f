using System.Text.Json;
using NUnit.Framework;
using Spectre.Console;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    /// <summary>What it wrote to standard output as bytes.</summary>
    public byte[] Bytes { get; private init; } = [];

    /// <summary>Runs a command line in this process.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="terminal">The colours of the terminal that standard error is; null where it is none.</param>
    /// <param name="input">What is sent into standard input.</param>
    /// <param name="person">Whether standard input and output are a terminal.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task<CliRun> OfAsync(
        IReadOnlyList<string> args, ColorSystemSupport? terminal = null, byte[]? input = null, bool person = false, CancellationToken cancellation = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var bytes = new MemoryStream();
        var console = new CliConsole(output, error, terminal is { } colours ? () => TestTerminal.On(error, colours: colours) : null)
        {
            Streams = new(() => new MemoryStream(input ?? []), () => bytes, InputIsTerminal: person, OutputIsTerminal: person),
        };
        var code = await Tuna2.Cli.Cli.RunAsync(args, console, cancellation);
        return new CliRun(code, output.ToString(), error.ToString()) { Bytes = bytes.ToArray() };
    }

    /// <summary>Runs a command line that reads lines from standard input.</summary>
    /// <param name="lines">What is sent into it.</param>
    /// <param name="args">The command line.</param>
    /// <param name="interactive">Whether a person types them.</param>
    public static async Task<CliRun> OfLinesAsync(string lines, IReadOnlyList<string> args, bool interactive = false)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var input = new StringReader(lines);
        var code = await Tuna2.Cli.Cli.RunAsync(args, new CliConsole(output, error) { In = input, Interactive = interactive });
        return new CliRun(code, output.ToString(), error.ToString());
    }

    /// <summary>It went well, and had nothing to say but its result.</summary>
    public CliRun Succeeded()
    {
        Assert.That(Error, Is.Empty);
        Assert.That(Code, Is.Zero);
        return this;
    }

    /// <summary>It ended with that code, no result (with --json: the error as one), and one line that has all the words.</summary>
    public void Failed(int code, params string[] words)
    {
        TestContext.Out.WriteLine(Error.TrimEnd());
        Assert.Multiple(() =>
        {
            Assert.That(Code, Is.EqualTo(code), Error);
            if (Out.Length > 0)
            {
                using var json = JsonDocument.Parse(Out);
                Assert.That(json.RootElement.GetProperty("error").GetProperty("exit_code").GetInt32(), Is.EqualTo(code));
            }
            Assert.That(Bytes, Is.Empty);
            Assert.That(Error, Does.StartWith("tuna2").And.EndsWith("\n"));
            Assert.That(Error.TrimEnd('\n'), Does.Not.Contain("\n"), "more than one line");
            Assert.That(Error, Does.Not.Contain("   at ").And.Not.Contain("unexpected"));
            foreach (var word in words)
                Assert.That(Error, Does.Contain(word));
        });
    }
}
