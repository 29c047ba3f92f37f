using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The argument of kernels/timestep_sinusoids.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TimestepSinusoidsArgs
{
    /// <summary>const float* (times).</summary>
    public ulong Times;
    /// <summary>const float* (128).</summary>
    public ulong Frequencies;
    /// <summary>ELEMENT* (times, 256).</summary>
    public ulong Y;
}

/// <summary>Host side of kernels/timestep_sinusoids.cu.</summary>
/// <param name="Element">Element type of the output.</param>
/// <param name="Times">How many times.</param>
public readonly record struct TimestepSinusoids(ElementType Element, int Times) : IKernel<TimestepSinusoidsArgs>
{
    private const int Half = 128;

    /// <summary>The frequencies the kernel reads: exp(-ln(10000) i / 128).</summary>
    public static float[] Frequencies { get; } = [.. Enumerable.Range(0, Half).Select(i => MathF.Exp(-MathF.Log(10000) * i / Half))];

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"timestep_sinusoids_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in TimestepSinusoidsArgs args) => new(Times, 1, 1, Half);

    /// <inheritdoc/>
    public Cost Cost(in TimestepSinusoidsArgs args) => new(2L * Half * Times * Element.Size(), 0);
}
