namespace Tuna2.Cli;

/// <summary>The process's standard streams as bytes: pictures go through them where a file is called "-".</summary>
/// <param name="OpenInput">Opens standard input.</param>
/// <param name="OpenOutput">Opens standard output.</param>
/// <param name="InputIsTerminal">Whether somebody would have to type the picture.</param>
/// <param name="OutputIsTerminal">Whether somebody would have to look at its bytes.</param>
internal sealed record StandardStreams(Func<Stream> OpenInput, Func<Stream> OpenOutput, bool InputIsTerminal, bool OutputIsTerminal)
{
    /// <summary>What stands for standard input or output in place of a file's name.</summary>
    public const string Name = "-";

    /// <summary>Those of this process.</summary>
    public static StandardStreams OfProcess() =>
        new(Console.OpenStandardInput, Console.OpenStandardOutput, !Console.IsInputRedirected, !Console.IsOutputRedirected);
}
