namespace Tuna2.Bench.Plots.Data;

/// <summary>What a roofline shows: operations per byte across, operations per second up.</summary>
/// <param name="Title">The machine.</param>
/// <param name="Source">When and how it was measured; what was not.</param>
/// <param name="Memories">Bytes per second: slopes.</param>
/// <param name="Computes">Operations per second: flat roofs.</param>
/// <param name="Points">Kernels.</param>
/// <param name="Remarks">What has no place on it, and why.</param>
internal sealed record RooflineChart(
    string Title, string Source, IReadOnlyList<Ceiling> Memories, IReadOnlyList<Ceiling> Computes, IReadOnlyList<RooflinePoint> Points, IReadOnlyList<string> Remarks);

/// <summary>What a machine does at most.</summary>
/// <param name="Name">With its number and where it comes from.</param>
/// <param name="PerSecond">Bytes, or operations.</param>
internal sealed record Ceiling(string Name, double PerSecond);

/// <summary>A kernel at a shape.</summary>
/// <param name="Series">What it belongs with.</param>
/// <param name="Label">Its name on the plot; empty for none.</param>
/// <param name="Intensity">Operations per byte, both as the kernel's cost counts them.</param>
/// <param name="FlopsPerSecond">As measured; where it was not, what the roof allows.</param>
/// <param name="Measured">Whether it was.</param>
internal sealed record RooflinePoint(string Series, string Label, double Intensity, double FlopsPerSecond, bool Measured);
