using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Kernels;

/// <summary>A kernel source with the options that make it one kernel: a line of kernels/instances.txt.</summary>
/// <param name="Name">Its name in reports and caches: "rms_norm_bf16".</param>
/// <param name="Source">The file under kernels/: "rms_norm.cu". Its stem is the entry point.</param>
/// <param name="Defines">The -D options, "NAME=VALUE".</param>
/// <param name="MinimumArchitecture">The least architecture it runs on, "sm_80" for most.</param>
public sealed record KernelInstance(string Name, string Source, IReadOnlyList<string> Defines, string MinimumArchitecture = "sm_80")
{
    /// <summary>The name of the kernel function.</summary>
    public string Entry => Path.GetFileNameWithoutExtension(Source);

    /// <summary>Whether it runs on an architecture.</summary>
    public bool RunsOn(CudaArchitecture architecture) => architecture.Satisfies(CudaArchitecture.Parse(MinimumArchitecture));

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{string.Join(' ', Defines)}]";
}
