using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>What is launched, how, and where in the graph: the whereabouts of an error. Formatted only when there is one.</summary>
/// <param name="Kernel">The kernel; null for no launch, or for a captured graph of many.</param>
/// <param name="Shape">Its grid, block and shared memory.</param>
/// <param name="Node">The model graph's node, or what the captured graph is; empty for none.</param>
internal readonly record struct LaunchSite(KernelInstance? Kernel, LaunchShape Shape, string Node)
{
    /// <inheritdoc/>
    public override string ToString() => Kernel is null ? Node ?? "nothing" : $"{Kernel} {Shape}{(string.IsNullOrEmpty(Node) ? "" : $", node {Node}")}";
}
