using System.Globalization;
using System.Runtime.InteropServices;

namespace Tuna2.Engine.Cuda;

/// <summary>Where NVIDIA's libraries may be: they come in toolkits, Python packages and distributions, and none of them is needed whole.</summary>
internal static class CudaLibraryPlaces
{
    private static readonly string[] _drivers = ["/usr/lib/wsl/lib", "/run/opengl-driver/lib", "/usr/local/nvidia/lib64", "/usr/lib64/nvidia"];

    /// <summary>The places of a library of the toolkit: the program's own, toolkits, Python packages, the system.</summary>
    /// <param name="folder">Its folder among the program's own.</param>
    /// <param name="pythonPackage">The folder of the Python package of CUDA 12 that has it, under nvidia.</param>
    public static IEnumerable<LibraryPlace> OfToolkitLibrary(string folder, string pythonPackage) =>
        [.. OfTheProgram(folder), .. OfToolkits(), .. OfPythonPackages(pythonPackage), LibraryPlace.SystemLoader];

    /// <summary>Where drivers are that the system's loader was not told of: in WSL, NixOS and containers.</summary>
    public static IEnumerable<LibraryPlace> OfDrivers() => OperatingSystem.IsWindows() ? [] : _drivers.Select(path => new LibraryPlace(path, path));

    private static IEnumerable<LibraryPlace> OfTheProgram(string folder)
    {
        yield return new("the program's folder", AppContext.BaseDirectory);
        for (var above = new DirectoryInfo(AppContext.BaseDirectory); above is not null; above = above.Parent)
            if (File.Exists(Path.Combine(above.FullName, "Tuna2.Engine.sln")))
                yield return new($"the checkout's artifacts/{folder}", Path.Combine(above.FullName, "artifacts", folder));
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        if (data.Length > 0)
            yield return new($"the user's tuna2/{folder}", Path.Combine(data, "tuna2", folder));
    }

    private static IEnumerable<LibraryPlace> OfToolkits()
    {
        string[] within = OperatingSystem.IsWindows() ? ["bin/x64", "bin", "Library/bin"] : ["lib64", "lib"];
        foreach (var variable in new[] { "CUDA_PATH", "CUDA_HOME", "CONDA_PREFIX" })
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } root)
                foreach (var folder in within)
                    yield return new(variable, Path.Combine(root, folder));

        (string Parent, string Pattern)[] standard = OperatingSystem.IsWindows()
            ? [(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "NVIDIA GPU Computing Toolkit", "CUDA"), "v*")]
            : [("/usr/local", "cuda*"), ("/opt", "cuda*")];
        foreach (var (parent, pattern) in standard)
        {
            var origin = Path.Combine(parent, pattern);
            var roots = Folders(parent, pattern).ToList();
            if (roots.Count == 0)
                yield return new(origin, origin); // named all the same: a report says where it looked
            foreach (var root in roots)
                foreach (var folder in within)
                    yield return new(origin, Path.Combine(root, folder));
        }
        if (!OperatingSystem.IsWindows())
        {
            var multiarch = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
            yield return new($"/usr/lib/{multiarch}", $"/usr/lib/{multiarch}");
        }
    }

    private static IEnumerable<LibraryPlace> OfPythonPackages(string package)
    {
        string[] within = OperatingSystem.IsWindows() ? ["cu13/bin/x86_64", $"{package}/bin"] : ["cu13/lib", $"{package}/lib"];
        foreach (var site in SitePackages().Distinct().Where(Directory.Exists))
        {
            var nvidia = Path.Combine(site, "nvidia");
            var folders = within.Select(folder => Path.Combine(nvidia, folder)).Where(Directory.Exists).DefaultIfEmpty(nvidia);
            foreach (var folder in folders)
                yield return new("Python packages", folder);
        }
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
                ? Directory.GetDirectories(parent, pattern).OrderDescending(StringComparer.Create(CultureInfo.InvariantCulture, CompareOptions.NumericOrdering))
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
