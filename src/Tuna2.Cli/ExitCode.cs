namespace Tuna2.Cli;

/// <summary>What the process ends with.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>It could not be done: a damaged model, a full disk, a parity case over its limit.</summary>
    public const int Failure = 1;

    /// <summary>It was asked wrongly: an unknown option, a size off the grid, an empty prompt.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by Ctrl-C or SIGTERM; 128 + SIGINT, as shells have it.</summary>
    public const int Cancelled = 130;
}
