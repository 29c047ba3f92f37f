using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    /// <summary>What it wrote to standard output as bytes.</summary>
    public byte[] Bytes { get; private init; } = [];

    /// <summary>Runs a command line in this process.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="terminal">Whether standard error shows progress.</param>
    /// <param name="input">What is sent into standard input.</param>
    /// <param name="screen">A terminal on all three streams, which draws; null for none.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task<CliRun> OfAsync(
        IReadOnlyList<string> args, bool terminal = false, byte[]? input = null, TerminalScreen? screen = null, CancellationToken cancellation = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var bytes = new MemoryStream();
        var console = new CliConsole(output, error, terminal)
        {
            Streams = new(() => new MemoryStream(input ?? []), () => bytes, InputIsTerminal: screen is not null, OutputIsTerminal: screen is not null),
            Screen = () => screen,
        };
        var code = await Tuna2.Cli.Cli.RunAsync(args, console, cancellation);
        return new CliRun(code, output.ToString(), error.ToString()) { Bytes = bytes.ToArray() };
    }

    /// <summary>It went well, and had nothing to say but its result.</summary>
    public CliRun Succeeded()
    {
        Assert.That(Error, Is.Empty);
        Assert.That(Code, Is.Zero);
        return this;
    }

    /// <summary>It ended with that code, no result, and one line that has all the words.</summary>
    public void Failed(int code, params string[] words)
    {
        TestContext.Out.WriteLine(Error.TrimEnd());
        Assert.Multiple(() =>
        {
            Assert.That(Code, Is.EqualTo(code), Error);
            Assert.That(Out, Is.Empty);
            Assert.That(Bytes, Is.Empty);
            Assert.That(Error, Does.StartWith("tuna2").And.EndsWith("\n"));
            Assert.That(Error.TrimEnd('\n'), Does.Not.Contain("\n"), "more than one line");
            Assert.That(Error, Does.Not.Contain("   at ").And.Not.Contain("unexpected"));
            foreach (var word in words)
                Assert.That(Error, Does.Contain(word));
        });
    }
}
