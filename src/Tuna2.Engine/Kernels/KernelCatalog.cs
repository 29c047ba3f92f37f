using System.Reflection;

namespace Tuna2.Engine.Kernels;

/// <summary>The kernels as shipped: sources, headers and the list of instances, all embedded in the library.</summary>
public static class KernelCatalog
{
    private const string Prefix = "kernels/";
    private const string ListName = "kernels/instances.txt";

    private static readonly Lazy<IReadOnlyDictionary<string, KernelInstance>> ByName = new(() => ReadList().ToDictionary(k => k.Name));

    /// <summary>Every instance, in the order of the list.</summary>
    public static IReadOnlyCollection<KernelInstance> Instances => [.. ByName.Value.Values];

    /// <summary>The instance of that name.</summary>
    /// <exception cref="ArgumentException">There is none in the list.</exception>
    public static KernelInstance Get(string name) => ByName.Value.TryGetValue(name, out var instance)
        ? instance
        : throw new ArgumentException($"kernels/instances.txt has no instance '{name}'");

    /// <summary>Every file the kernels are made of, by its path under kernels/: "rms_norm.cu", "common/vec.cuh".</summary>
    public static IReadOnlyDictionary<string, string> Files { get; } = Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(n => n.StartsWith(Prefix, StringComparison.Ordinal) && n != ListName)
        .ToDictionary(n => n[Prefix.Length..], Read);

    private static IEnumerable<KernelInstance> ReadList()
    {
        foreach (var line in Read(ListName).Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && !l.StartsWith('#')))
        {
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            var architecture = fields.FirstOrDefault(f => f.StartsWith("sm_", StringComparison.Ordinal));
            yield return new KernelInstance(fields[0], fields[1], [.. fields.Skip(2).Where(f => f != architecture)], architecture ?? "sm_80");
        }
    }

    private static string Read(string resource)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}
