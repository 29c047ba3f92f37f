namespace Tuna2.Engine.Tests;

/// <summary>Where the test data lies: found by walking up from the test program to the solution.</summary>
static class Fixtures
{
    /// <summary>The repository's root folder.</summary>
    public static string Repository { get; } = Find();

    /// <summary>A file or folder under tests/fixtures.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Repository, "tests", "fixtures", .. parts]);

    static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Tuna2.Engine.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException($"no Tuna2.Engine.sln above {AppContext.BaseDirectory}");
    }
}
