namespace Tuna2.Engine.Cuda;

/// <summary>How a CUDA device is opened, beside what a user says by name.</summary>
internal sealed record CudaOptions
{
    /// <summary>The driver's library or its folder; null to let the system find it.</summary>
    public string? DriverPath { get; init; }

    /// <summary>Where a device's kernels come from; null for those packed with the program, and NVRTC and its cache behind them.</summary>
    public Func<CudaDevice, IKernelImages>? Images { get; init; }

    /// <summary>Who computes the big products: cuBLASLt, or null for our own kernels. By default it is looked for.</summary>
    public Func<CudaDriver, CublasLtLibrary?> Products { get; init; } = driver => CublasLtLibrary.Find(driver).Path is null ? null : CublasLtLibrary.Load(driver);

    /// <summary>Captures steps and replays them; without, every kernel is launched by itself, to the same bits.</summary>
    public bool Graphs { get; init; } = true;

    /// <summary>Waits for every launch, so that a fault is reported by the one that made it, and captures nothing.</summary>
    public bool Synchronous { get; init; }

    /// <summary>Runs the kernels that are written for Hopper alone, on a GPU that is one. Not by default: no GPU has shown yet that they are right and faster.</summary>
    public bool Hopper { get; init; }

    /// <summary>
    /// What the environment says: TUNA2_CUDA_DRIVER, the driver to take; TUNA2_CUDA_SYNC=1, for finding faults; TUNA2_CUDA_HOPPER=1, for Hopper's own kernels.
    /// </summary>
    public static CudaOptions OfEnvironment() => new()
    {
        DriverPath = Environment.GetEnvironmentVariable("TUNA2_CUDA_DRIVER") is { Length: > 0 } path ? path : null,
        Synchronous = Environment.GetEnvironmentVariable("TUNA2_CUDA_SYNC") == "1",
        Hopper = Environment.GetEnvironmentVariable("TUNA2_CUDA_HOPPER") == "1",
    };
}
