using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>The numbers of a solver's step: the StepNumbers of kernels/x0_to_velocity_step.cu.</summary>
/// <param name="Time">The time of the prediction.</param>
/// <param name="Delta">Length of the step.</param>
/// <param name="Guidance">CFG strength; 1 takes the conditional prediction alone.</param>
/// <param name="Phase">0 Euler, 1 Heun's trial, 2 Heun's correction, 3 the prediction alone.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct StepNumbers(float Time, float Delta, float Guidance, int Phase);

/// <summary>The argument of kernels/x0_to_velocity_step.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct X0ToVelocityStepArgs
{
    /// <summary>const ELEMENT*: first patch row of the conditional branch, (patches, 768).</summary>
    public ulong Conditional;
    /// <summary>const ELEMENT*: of the unconditional branch; not read where guidance is 1.</summary>
    public ulong Unconditional;
    /// <summary>float* (3, height, width).</summary>
    public ulong Z;
    /// <summary>float* (3, height, width): Heun's trial state.</summary>
    public ulong Trial;
    /// <summary>float* (3, height, width): what Heun remembers.</summary>
    public ulong Velocity;
    /// <summary>float* (3, height, width), or 0.</summary>
    public ulong Prediction;
    /// <summary>u8* (height, width, 3), or 0.</summary>
    public ulong Bytes;
    /// <summary>const StepNumbers*.</summary>
    public ulong Numbers;
    /// <summary>Rows of the picture, a multiple of 16.</summary>
    public int Height;
    /// <summary>Columns of the picture, a multiple of 16.</summary>
    public int Width;
    /// <summary>1 for the released raster order, 0 for patches.</summary>
    public int Raster;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/x0_to_velocity_step.cu.</summary>
/// <param name="Element">Element type of the predictions.</param>
public readonly record struct X0ToVelocityStep(ElementType Element) : IKernel<X0ToVelocityStepArgs>
{
    /// <summary>The phase that puts the prediction down and leaves the state alone.</summary>
    public const int PredictOnly = 3;

    private const int Block = 128, PixelsPerThread = 8, Channels = 3, Patch = 16;

    /// <inheritdoc/>
    public KernelInstance Instance => KernelCatalog.Get($"x0_to_velocity_step_{Element.Suffix()}");

    /// <inheritdoc/>
    public LaunchShape Shape(in X0ToVelocityStepArgs args)
    {
        const int perBlock = Block * PixelsPerThread;
        return args.Height % Patch == 0 && args.Width % Patch == 0
            ? new((args.Height * args.Width + perBlock - 1) / perBlock, 1, 1, Block)
            : throw new ArgumentException($"x0_to_velocity_step takes whole {Patch} x {Patch} patches, not {args.Width} x {args.Height}");
    }

    /// <inheritdoc/>
    public Cost Cost(in X0ToVelocityStepArgs args)
    {
        var values = (long)args.Height * args.Width * Channels;
        return new(values * (2 * Element.Size() + 2 * sizeof(float)), 8 * values);
    }
}
