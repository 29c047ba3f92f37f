namespace Tuna2.Cli.Output;

/// <summary>How many of a number of like things are done.</summary>
/// <param name="What">What they are: "kernel".</param>
/// <param name="Done">Those done.</param>
/// <param name="Total">All.</param>
internal readonly record struct CountProgress(string What, int Done, int Total);
