using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    /// <summary>Runs a command line in this process.</summary>
    public static async Task<CliRun> OfAsync(IReadOnlyList<string> args, bool terminal = false, CancellationToken cancellation = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = await Tuna2.Cli.Cli.RunAsync(args, new CliConsole(output, error, terminal ? () => TestTerminal.On(error) : null), cancellation);
        return new CliRun(code, output.ToString(), error.ToString());
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
            Assert.That(Error, Does.StartWith("tuna2").And.EndsWith("\n"));
            Assert.That(Error.TrimEnd('\n'), Does.Not.Contain("\n"), "more than one line");
            Assert.That(Error, Does.Not.Contain("   at ").And.Not.Contain("unexpected"));
            foreach (var word in words)
                Assert.That(Error, Does.Contain(word));
        });
    }
}
