namespace Tuna2.Engine.Parity;

/// <summary>What float32 must reach.</summary>
internal static class ParityLimits
{
    /// <summary>Against the official code.</summary>
    public const double Reference = 1e-4;

    /// <summary>The prefix path against the full one.</summary>
    public const double PrefixToFull = 1e-5;

    public const string Full = "full";
    public const string Prefix = "prefix";
    public const string PrefixOverFull = "prefix/full";
}
