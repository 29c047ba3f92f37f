using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cuda;

/// <summary>A product to run.</summary>
/// <param name="Shape">Sizes, types and what is added.</param>
/// <param name="X">Address of (m, k).</param>
/// <param name="W">Address of (n, k).</param>
/// <param name="Y">Address of (m, n).</param>
/// <param name="Bias">(n) in float32, or null.</param>
/// <param name="Residual">Address of (m, n), which may be <paramref name="Y"/>; 0 for none.</param>
/// <param name="XScales">Address of the (m) scales of eight-bit rows of x; 0 where they are other numbers.</param>
/// <param name="WScales">Address of the (n) scales of w's.</param>
internal readonly record struct Product(ProductShape Shape, ulong X, ulong W, ulong Y, Weight? Bias, ulong Residual, ulong XScales = 0, ulong WScales = 0);

/// <summary>Somebody who computes the big products in place of our own kernels.</summary>
internal interface IProducts : IDisposable
{
    /// <summary>
    /// How products are chosen, for a picture's parameters: other choices round in other places, and a seed is the same picture only
    /// under the same.
    /// </summary>
    string Tuning { get; }

    /// <summary>
    /// Whether products of such types and sizes are computed at all here, for planning; one of them may yet turn out to have no algorithm.
    /// </summary>
    bool Has(in ProductShape shape);

    /// <summary>
    /// Makes what a bias needs: copies to and from the device. To be called where those can be made, so neither while a graph is captured
    /// nor, where streams are used in turns, within one; a bias that was not prepared is prepared when it is first used. Any thread.
    /// </summary>
    void Prepare(Weight bias);

    /// <summary>
    /// Makes what a product of that shape needs, and queues nothing: for going through launches before they are captured.
    /// </summary>
    /// <returns>Whether <see cref="TryRun"/> will take it.</returns>
    /// <exception cref="DeviceException">A call failed; the message names it, the shape and the node.</exception>
    bool TryPrepare(in Product product, string node);

    /// <summary>
    /// Queues a product if none of its shape ran yet: a library loads its kernels when they first run, which a capture does not
    /// allow. What stands where it writes is lost. Within a turn.
    /// </summary>
    /// <returns>Whether <see cref="TryRun"/> will take it.</returns>
    /// <exception cref="DeviceException">A call failed; the message names it, the shape and the node.</exception>
    bool TryWarm(in Product product, string node);

    /// <summary>Queues a product.</summary>
    /// <param name="product">The product.</param>
    /// <param name="node">Where in the graph it stands, for errors.</param>
    /// <returns>False where it is not taken, and nothing was done: our kernel must.</returns>
    /// <exception cref="DeviceException">A call failed; the message names it, the shape and the node.</exception>
    bool TryRun(in Product product, string node);
}
