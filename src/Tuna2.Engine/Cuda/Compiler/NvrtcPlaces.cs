using System.Runtime.InteropServices;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>Where NVRTC may be: nothing but it is needed of a toolkit, and it comes in toolkits, Python packages and distributions.</summary>
internal static class NvrtcPlaces
{
    /// <summary>The variable that names the library or its folder.</summary>
    public const string Variable = "TUNA2_NVRTC_PATH";

    /// <summary>The names it has, CUDA 13's first.</summary>
    public static IReadOnlyList<string> FileNames { get; } = OperatingSystem.IsWindows()
        ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
        : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

    /// <summary>The name of the library of built-in headers that goes with a version, which NVRTC opens by itself when it compiles.</summary>
    public static string Builtins(Version version) => OperatingSystem.IsWindows()
        ? $"nvrtc-builtins64_{version.Major}{version.Minor}.dll"
        : $"libnvrtc-builtins.so.{version.Major}.{version.Minor}";

    /// <summary>
    /// The places in the order they are tried. A path that somebody chose is the only one: to go on elsewhere when it is wrong would
    /// hide the mistake.
    /// </summary>
    public static IEnumerable<LibraryPlace> All(string? chosen)
    {
        if (!string.IsNullOrEmpty(chosen))
            return [new("the path given", chosen)];
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path)
            return [new(Variable, path)];
        return [.. OfTheProgram(), .. OfToolkits(), .. OfPythonPackages(), LibraryPlace.SystemLoader];
    }

    private static IEnumerable<LibraryPlace> OfTheProgram()
    {
        yield return new("the program's folder", AppContext.BaseDirectory);
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Tuna2.Engine.sln")))
                yield return new("the checkout's artifacts/nvrtc", Path.Combine(folder.FullName, "artifacts", "nvrtc"));
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        if (data.Length > 0)
            yield return new("the user's tuna2/nvrtc", Path.Combine(data, "tuna2", "nvrtc"));
    }

    private static IEnumerable<LibraryPlace> OfToolkits()
    {
        string[] within = OperatingSystem.IsWindows() ? ["bin/x64", "bin"] : ["lib64", "lib"];
        foreach (var variable in new[] { "CUDA_PATH", "CUDA_HOME" })
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } root)
                foreach (var folder in within)
                    yield return new(variable, Path.Combine(root, folder));

        var (parent, pattern) = OperatingSystem.IsWindows()
            ? (Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "NVIDIA GPU Computing Toolkit", "CUDA"), "v*")
            : ("/usr/local", "cuda*");
        foreach (var root in Folders(parent, pattern))
            foreach (var folder in within)
                yield return new(Path.Combine(parent, pattern), Path.Combine(root, folder));

        if (!OperatingSystem.IsWindows())
        {
            var multiarch = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
            yield return new($"/usr/lib/{multiarch}", $"/usr/lib/{multiarch}");
        }
    }

    private static IEnumerable<LibraryPlace> OfPythonPackages()
    {
        string[] within = OperatingSystem.IsWindows()
            ? ["nvidia/cu13/bin/x86_64", "nvidia/cuda_nvrtc/bin"]
            : ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"];
        foreach (var site in SitePackages().Distinct())
            foreach (var folder in within.Select(f => Path.Combine(site, f)).Where(Directory.Exists))
                yield return new("Python packages", folder);
    }

    private static IEnumerable<string> SitePackages()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string?[] environments =
        [
            Environment.GetEnvironmentVariable("VIRTUAL_ENV"),
            Environment.GetEnvironmentVariable("CONDA_PREFIX"),
            Path.Combine(home, ".local"),
            .. Folders(Path.Combine(home, ".pyenv", "versions"), "*"),
            "/opt/conda",
            "/usr/local",
            "/usr",
        ];
        foreach (var root in environments.Where(e => !string.IsNullOrEmpty(e)))
        {
            yield return Path.Combine(root!, "Lib", "site-packages");
            foreach (var python in Folders(Path.Combine(root!, "lib"), "python3*"))
            {
                yield return Path.Combine(python, "site-packages");
                yield return Path.Combine(python, "dist-packages");
            }
        }
        if (OperatingSystem.IsWindows())
            foreach (var python in Folders(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "Programs", "Python"), "Python3*"))
                yield return Path.Combine(python, "Lib", "site-packages");
    }

    /// <summary>Folders of a name, the newest version first; none where the parent cannot be read.</summary>
    private static IEnumerable<string> Folders(string parent, string pattern)
    {
        try
        {
            return Directory.Exists(parent)
                ? Directory.GetDirectories(parent, pattern).OrderDescending(StringComparer.Create(System.Globalization.CultureInfo.InvariantCulture, System.Globalization.CompareOptions.NumericOrdering))
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
