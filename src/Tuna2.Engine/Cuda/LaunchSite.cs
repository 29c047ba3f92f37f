using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>What is launched, how, and where in the graph: the whereabouts of an error. Formatted only when there is one.</summary>
/// <param name="Kernel">The kernel; null for a product of cuBLASLt's, for a captured graph of many, and for no launch.</param>
/// <param name="Shape">Its grid, block and shared memory.</param>
/// <param name="Node">The model graph's node, or what the captured graph is; empty for none.</param>
internal readonly record struct LaunchSite(KernelInstance? Kernel, LaunchShape Shape, string Node)
{
    /// <summary>The product of cuBLASLt's, or null.</summary>
    public ProductShape? Product { get; private init; }

    /// <summary>A product of cuBLASLt's.</summary>
    public static LaunchSite Of(in ProductShape product, string node) => new(null, default, node) { Product = product };

    /// <inheritdoc/>
    public override string ToString()
    {
        var what = Product is { } product ? $"product {product}" : Kernel is null ? null : $"{Kernel} {Shape}";
        return what is null ? Node ?? "nothing" : $"{what}{(string.IsNullOrEmpty(Node) ? "" : $", node {Node}")}";
    }
}
