using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>The search for NVRTC, where it is not.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LibrarySearchTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void Nothing_found_is_one_line_that_says_what_was_looked_for_and_where()
    {
        var search = NvrtcLibrary.Find([new("CUDA_PATH", directory.Path), new("CUDA_HOME", directory.File("none"))]);
        Assert.That(search.Path, Is.Null);
        Assert.That(search.Failure, Does.StartWith("NVRTC not found").And.Contains(NvrtcPlaces.FileNames[0]).And.Contains("CUDA_PATH, CUDA_HOME").And.Not.Contains("\n"));
        Assert.That(search.Candidates.Select(c => c.Problem), Is.EqualTo(new[] { "not in this folder", "no such folder" }));
    }

    [Test]
    public void A_place_that_was_chosen_is_named_with_its_path() =>
        Assert.That(NvrtcLibrary.Find([new(NvrtcPlaces.Variable, directory.Path)]).Failure, Does.EndWith($"in TUNA2_NVRTC_PATH ({directory.Path})"));

    [Test]
    public void A_file_that_is_no_library_is_named_and_the_search_goes_on()
    {
        directory.Write(NvrtcPlaces.FileNames[^1], "not a library"u8);
        var search = NvrtcLibrary.Find([new("first", directory.Path), new("second", directory.File("none"))]);
        Assert.That(search.Candidates, Has.Count.EqualTo(2));
        Assert.That(search.Failure, Does.StartWith("NVRTC cannot be used").And.Contains(NvrtcPlaces.FileNames[^1]).And.Not.Contains("\n"));
    }

    [Test]
    public void A_library_that_is_another_one_is_refused()
    {
        var other = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), OperatingSystem.IsWindows() ? "coreclr.dll" : "libSystem.Native.so");
        var search = NvrtcLibrary.Find([new("chosen", other)]);
        Assert.That(search.Path, Is.Null);
        Assert.That(search.Failure, Does.Contain("has no nvrtcGetSupportedArchs"));
    }

    [Test]
    public void A_path_that_was_chosen_is_the_only_place() =>
        Assert.That(NvrtcPlaces.All("/somewhere").Select(p => p.Path), Is.EqualTo(new[] { "/somewhere" }));

    [Test]
    public void Without_a_choice_the_program_comes_first_and_the_system_last()
    {
        if (Environment.GetEnvironmentVariable(NvrtcPlaces.Variable) is { Length: > 0 })
            Assert.Ignore($"{NvrtcPlaces.Variable} is set, and is the only place then");
        var places = NvrtcPlaces.All(null).ToList();
        Assert.That(places[0].Path, Is.EqualTo(AppContext.BaseDirectory));
        Assert.That(places[^1], Is.EqualTo(LibraryPlace.SystemLoader));
    }
}
