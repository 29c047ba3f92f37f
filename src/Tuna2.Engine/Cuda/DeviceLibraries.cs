namespace Tuna2.Engine.Cuda;

/// <summary>NVIDIA's libraries that are looked for, and the environment variables that say where they are.</summary>
public static class DeviceLibraries
{
    /// <summary>The name of each, and the variable that holds its path or its folder.</summary>
    public static IReadOnlyList<(string Name, string Variable)> Variables { get; } =
        [.. new[] { CudaLibrary.Driver, CudaLibrary.Nvrtc, CudaLibrary.CublasLt }.Select(library => (library.Name, library.Variable))];
}
