namespace Tuna2.Engine.Graph.Ops;

/// <summary>How a convolution over frames, rows and columns moves. Kernels and strides are the same down and across.</summary>
/// <param name="Frames">Frames of the kernel; its last one lies on the frame that is computed (causal).</param>
/// <param name="Side">Rows and columns of the kernel.</param>
/// <param name="FrameStride">Frames between two that are computed.</param>
/// <param name="Stride">Rows and columns between two that are computed.</param>
/// <param name="Before">Zero rows above and columns to the left.</param>
/// <param name="After">Zero rows below and columns to the right.</param>
public readonly record struct ConvShape(int Frames, int Side, int FrameStride = 1, int Stride = 1, int Before = 0, int After = 0)
{
    /// <summary>Elements of the kernel per channel.</summary>
    public int Taps => Frames * Side * Side;

    /// <summary>What comes of a clip of <paramref name="size"/> behind <paramref name="past"/> frames of its past.</summary>
    public Grid Output(Grid size, int past) => new(
        (past + size.Frames - Frames) / FrameStride + 1,
        (size.Height + Before + After - Side) / Stride + 1,
        (size.Width + Before + After - Side) / Stride + 1);
}
