using System.Runtime.InteropServices;

namespace Tuna2.Engine.Kernels;

/// <summary>A picture's step: the StepNumbers of kernels/x0_to_velocity_step.cu.</summary>
/// <param name="Time">The time of the prediction.</param>
/// <param name="Delta">Length of the step.</param>
/// <param name="Guidance">CFG strength; 1 takes the conditional prediction alone.</param>
/// <param name="Phase">0 Euler, 1 Heun's trial, 2 Heun's correction, 3 the prediction alone.</param>
/// <param name="Picture">Which of the pictures.</param>
/// <param name="Conditional">First patch row of the conditional branch.</param>
/// <param name="Unconditional">Of the unconditional one; not read where guidance is 1.</param>
/// <param name="Padding">Unused: fills whole words.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct StepNumbers(float Time, float Delta, float Guidance, int Phase, int Picture, int Conditional, int Unconditional, int Padding = 0);

/// <summary>The argument of kernels/x0_to_velocity_step.cu. Addresses first, then sizes: no padding between.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct X0ToVelocityStepArgs
{
    /// <summary>const ELEMENT* (rows, patch x patch x channels): the flow head's.</summary>
    public ulong Rows;
    /// <summary>float* (pictures x 2, channels, frames, height, width): the state of each and Heun's trial state.</summary>
    public ulong Pictures;
    /// <summary>float* (pictures, channels, frames, height, width): what Heun remembers.</summary>
    public ulong Velocity;
    /// <summary>float* (pictures, channels, frames, height, width), or 0.</summary>
    public ulong Prediction;
    /// <summary>u8* (pictures, height, width, 3), or 0; of latents there are none.</summary>
    public ulong Bytes;
    /// <summary>const StepNumbers*: one for every picture of the launch.</summary>
    public ulong Numbers;
    /// <summary>Rows of the picture, whole patches.</summary>
    public int Height;
    /// <summary>Columns of the picture, whole patches.</summary>
    public int Width;
    /// <summary>1 for the released raster order, 0 for patches.</summary>
    public int Raster;
    /// <summary>Frames of a clip; 1 for a picture.</summary>
    public int Frames;
    /// <summary>1 where the predictions are velocities, 0 where they are pictures.</summary>
    public int PredictsVelocity;
    /// <summary>Unused: fills the last eight bytes.</summary>
    public int Padding;
}

/// <summary>Host side of kernels/x0_to_velocity_step.cu.</summary>
/// <param name="Element">Element type of the predictions.</param>
/// <param name="Patch">Side of a patch: 16 for pixels, 1 for latents.</param>
/// <param name="Channels">Planes: 3 for pixels, 48 for latents.</param>
/// <param name="Pictures">Pictures that are stepped.</param>
public readonly record struct X0ToVelocityStep(ElementType Element, int Patch = 16, int Channels = 3, int Pictures = 1) : IKernel<X0ToVelocityStepArgs>
{
    /// <summary>The phase that puts the prediction down and leaves the state alone.</summary>
    public const int PredictOnly = 3;

    private const int Block = 128, PixelsPerThread = 8, ChannelsPerThread = 8;

    /// <inheritdoc/>
    public KernelInstance Instance => (Patch, Channels) switch
    {
        (16, 3) => KernelCatalog.Get($"x0_to_velocity_step_{Element.Suffix()}"),
        (1, _) => KernelCatalog.Get($"x0_to_velocity_step_{Element.Suffix()}_c{Channels}"),
        _ => throw new ArgumentException($"there is no x0_to_velocity_step for {Channels} channels in patches of {Patch}"),
    };

    /// <inheritdoc/>
    public LaunchShape Shape(in X0ToVelocityStepArgs args)
    {
        var plane = args.Frames * args.Height * args.Width;
        var threads = Patch == 1 ? plane * (Channels / ChannelsPerThread) : plane / PixelsPerThread;
        return args.Frames > 0 && args.Height % Patch == 0 && args.Width % Patch == 0
            ? new((threads + Block - 1) / Block, Pictures, 1, Block)
            : throw new ArgumentException($"x0_to_velocity_step takes whole {Patch} x {Patch} patches, not {args.Width} x {args.Height}");
    }

    /// <inheritdoc/>
    public Cost Cost(in X0ToVelocityStepArgs args)
    {
        var values = (long)Pictures * args.Frames * args.Height * args.Width * Channels;
        return new(values * (2 * Element.Size() + 2 * sizeof(float)), 8 * values);
    }
}
