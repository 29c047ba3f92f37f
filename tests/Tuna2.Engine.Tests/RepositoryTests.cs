using System.Diagnostics;
using NUnit.Framework;

namespace Tuna2.Engine.Tests;

/// <summary>What must stay true of the repository as a whole.</summary>
public class RepositoryTests
{
    private const long MaxTrackedBytes = 40L << 20;

    [Test]
    public void The_tracked_tree_stays_within_40_MiB()
    {
        var bytes = TrackedFiles().Sum(f => new FileInfo(Path.Combine(Fixtures.Repository, f)).Length);
        Assert.That(bytes, Is.InRange(1L << 20, MaxTrackedBytes));
    }

    [Test]
    public void The_README_names_every_top_level_folder()
    {
        var readme = File.ReadAllText(Path.Combine(Fixtures.Repository, "README.md"));
        foreach (var folder in TrackedFiles().Where(f => f.Contains('/')).Select(f => f.Split('/')[0]).Distinct().Where(f => !f.StartsWith('.')))
            Assert.That(readme, Does.Contain($"{folder}/"), "the map must stay true");
    }

    [Test]
    public void The_map_names_every_room_of_the_library()
    {
        var readme = File.ReadAllText(Path.Combine(Fixtures.Repository, "README.md"));
        foreach (var room in Directory.EnumerateDirectories(Path.Combine(Fixtures.Repository, "src", "Tuna2.Engine")).Select(Path.GetFileName).Where(r => r is not ("bin" or "obj")))
            Assert.That(readme, Does.Contain($"{room}/"), "the map must stay true");
    }

    private static List<string> TrackedFiles()
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", ["ls-files", "-z"]) { WorkingDirectory = Fixtures.Repository, RedirectStandardOutput = true })!;
            var files = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries);
            git.WaitForExit();
            if (git.ExitCode == 0 && files.Length > 0)
                return [.. files.Where(f => File.Exists(Path.Combine(Fixtures.Repository, f)))];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("git is not installed");
        }
        Assert.Ignore("not a git checkout");
        return [];
    }
}
