namespace Tuna2.Engine.Tests;

/// <summary>Where the files the tests need lie: found from the test binary up to the folder of the solution.</summary>
static class Fixtures
{
    public static string Repository { get; } = FindRepository();

    /// <summary>A path under tests/fixtures.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Repository, "tests", "fixtures", .. parts]);

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Tuna2.Engine.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException($"no Tuna2.Engine.sln above {AppContext.BaseDirectory}");
    }
}
