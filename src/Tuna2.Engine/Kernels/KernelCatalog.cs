namespace Tuna2.Engine.Kernels;

/// <summary>The kernels: sources, headers and the list of instances, of the library or of a folder beside the program.</summary>
public static class KernelCatalog
{
    private static readonly Lazy<KernelFiles> _files = new(KernelFiles.Find);
    private static readonly Lazy<IReadOnlyDictionary<string, KernelInstance>> _byName = new(() => _files.Value.Instances.ToDictionary(k => k.Name));

    /// <summary>The folder the kernels were read from; null for those in the library.</summary>
    /// <exception cref="DeviceException">There is a folder and something is wrong with it.</exception>
    public static string? Folder => _files.Value.Folder;

    /// <summary>Every instance, in the order of the list.</summary>
    public static IReadOnlyCollection<KernelInstance> Instances => _files.Value.Instances;

    /// <summary>The instance of that name.</summary>
    /// <exception cref="ArgumentException">There is none in the list.</exception>
    public static KernelInstance Get(string name) => _byName.Value.TryGetValue(name, out var instance)
        ? instance
        : throw new ArgumentException($"kernels/instances.txt has no instance '{name}'");

    /// <summary>Every file the kernels are made of, by its path under kernels/: "rms_norm.cu", "common/vec.cuh".</summary>
    public static IReadOnlyDictionary<string, string> Files => _files.Value.Sources;
}
