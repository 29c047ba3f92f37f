using System.Reflection;

namespace Tuna2.Engine.Kernels;

/// <summary>
/// The kernels' sources and the list of instances. They are in the library; a folder "kernels" beside the program takes their place, so
/// that a kernel can be mended on the machine that needs it.
/// </summary>
/// <param name="Folder">Where they were read; null for the library's.</param>
/// <param name="Sources">Every file by its path under kernels/, but the list.</param>
/// <param name="Instances">The list, in its order.</param>
internal sealed record KernelFiles(string? Folder, IReadOnlyDictionary<string, string> Sources, IReadOnlyList<KernelInstance> Instances)
{
    /// <summary>The variable that names another folder.</summary>
    public const string Variable = "TUNA2_KERNELS_DIR";

    private const string Prefix = "kernels/";
    private const string ListName = "instances.txt";

    /// <summary>Those to use: the variable's folder, else the one beside the program, else the library's.</summary>
    /// <exception cref="DeviceException">The folder that was named has no list, or the list is wrong.</exception>
    public static KernelFiles Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen)
            return Read(chosen);
        var beside = Path.Combine(AppContext.BaseDirectory, "kernels");
        return File.Exists(Path.Combine(beside, ListName)) ? Read(beside) : Embedded();
    }

    /// <summary>The library's.</summary>
    public static KernelFiles Embedded()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return Of(null, assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(n => n[Prefix.Length..], name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return reader.ReadToEnd();
        }));
    }

    /// <summary>Those of a folder.</summary>
    /// <exception cref="DeviceException">It has no list, cannot be read, or the list is wrong.</exception>
    public static KernelFiles Read(string folder)
    {
        try
        {
            if (!File.Exists(Path.Combine(folder, ListName)))
                throw new DeviceException($"{folder}: no {ListName} there");
            return Of(folder, Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(f => Path.GetExtension(f) is ".cu" or ".cuh" || Path.GetFileName(f) == ListName)
                .ToDictionary(f => Path.GetRelativePath(folder, f).Replace(Path.DirectorySeparatorChar, '/'), File.ReadAllText));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException($"{folder}: {OneLine.Of(e.Message)}", e);
        }
    }

    private static KernelFiles Of(string? folder, Dictionary<string, string> files)
    {
        var list = files[ListName];
        files.Remove(ListName);
        return new(folder, files, [.. Parse(folder is null ? Prefix + ListName : Path.Combine(folder, ListName), list)]);
    }

    private static IEnumerable<KernelInstance> Parse(string path, string list)
    {
        var names = new HashSet<string>();
        var number = 0;
        foreach (var line in list.Split('\n').Select(l => l.Trim()))
        {
            number++;
            if (line.Length == 0 || line.StartsWith('#'))
                continue;
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 2)
                throw new DeviceException($"{path}:{number}: an instance has a name and a source");
            if (!names.Add(fields[0]))
                throw new DeviceException($"{path}:{number}: a second {fields[0]}");
            var architecture = fields.FirstOrDefault(f => f.StartsWith("sm_", StringComparison.Ordinal));
            yield return new KernelInstance(fields[0], fields[1], [.. fields.Skip(2).Where(f => f != architecture)], architecture ?? "sm_80");
        }
    }
}
