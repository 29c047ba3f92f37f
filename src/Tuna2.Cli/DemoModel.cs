using Tuna2.Engine;

namespace Tuna2.Cli;

/// <summary>The small model that comes with tuna2, so that every command works without a download.</summary>
internal static class DemoModel
{
    private static readonly string _place = Path.Combine("models", "tuna2-shapes");

    /// <summary>Its directory: beside the program, or above it, where the program runs from its build folder.</summary>
    /// <exception cref="ModelException">It is nowhere there.</exception>
    public static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, _place) is var path && Directory.Exists(path))
                return path;
        throw new ModelException($"no --model was given, and there is no demo model {_place} in or above {AppContext.BaseDirectory}");
    }
}
