using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/advance_step.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AdvanceStepArgs
{
    /// <summary>const uint4* (steps, words).</summary>
    public ulong Schedule;
    /// <summary>uint4* (words).</summary>
    public ulong Live;
    /// <summary>int* (1): how many steps were taken before.</summary>
    public ulong Step;
    /// <summary>16-byte words of a step's tables.</summary>
    public int Words;
    /// <summary>Steps of the schedule.</summary>
    public int Steps;
}

/// <summary>Host side of kernels/advance_step.cu.</summary>
public readonly record struct AdvanceStep : IKernel<AdvanceStepArgs>
{
    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get("advance_step");

    /// <inheritdoc/>
    public LaunchShape Shape(in AdvanceStepArgs args) => new(1, 1, 1, 128);

    /// <inheritdoc/>
    public Cost Cost(in AdvanceStepArgs args) => new(2L * args.Words * 16, 0);
}
