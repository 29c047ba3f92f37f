namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>How kernels are compiled.</summary>
public sealed record KernelCompilerOptions
{
    /// <summary>NVRTC's library or its folder; null to search for it.</summary>
    public string? NvrtcPath { get; init; }

    /// <summary>Where compiled kernels are kept; null for the user's cache.</summary>
    public KernelCache? Cache { get; init; }

    /// <summary>Whether to keep source lines in the code, for profilers. The code is the same.</summary>
    public bool LineInfo { get; init; }
}
