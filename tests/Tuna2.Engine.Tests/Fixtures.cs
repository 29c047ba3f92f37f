namespace Tuna2.Engine.Tests;

/// <summary>Where the tests find the files of the repository.</summary>
internal static class Fixtures
{
    /// <summary>The root of the repository: the folder of Tuna2.Engine.sln.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>A path under tests/fixtures.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Repository, "tests", "fixtures", .. parts]);

    private static string FindRepository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(System.IO.Path.Combine(directory.FullName, "Tuna2.Engine.sln"))) directory = directory.Parent;
        return directory?.FullName ?? throw new DirectoryNotFoundException("There is no Tuna2.Engine.sln above the tests.");
    }
}
