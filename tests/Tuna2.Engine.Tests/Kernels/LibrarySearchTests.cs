using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda;

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
        var search = CudaLibrary.Nvrtc.Find([new("CUDA_PATH", directory.Path), new("CUDA_HOME", directory.File("none"))]);
        Assert.That(search.Path, Is.Null);
        Assert.That(search.Failure, Does.StartWith("NVRTC not found").And.Contains(CudaLibrary.Nvrtc.FileNames[0]).And.Contains("CUDA_PATH, CUDA_HOME").And.Not.Contains("\n"));
        Assert.That(search.Candidates.Select(c => c.Problem), Is.EqualTo(new[] { "not in this folder", "no such folder" }));
    }

    [Test]
    public void A_place_that_was_chosen_is_named_with_its_path() =>
        Assert.That(CudaLibrary.Nvrtc.Find([new(CudaLibrary.Nvrtc.Variable, directory.Path)]).Failure, Does.EndWith($"in TUNA2_NVRTC_PATH ({directory.Path})"));

    [Test]
    public void A_file_that_is_no_library_is_named_and_the_search_goes_on()
    {
        directory.Write(CudaLibrary.Nvrtc.FileNames[^1], "not a library"u8);
        var search = CudaLibrary.Nvrtc.Find([new("first", directory.Path), new("second", directory.File("none"))]);
        Assert.That(search.Candidates, Has.Count.EqualTo(2));
        Assert.That(search.Failure, Does.StartWith("NVRTC cannot be used").And.Contains(CudaLibrary.Nvrtc.FileNames[^1]).And.Not.Contains("\n"));
    }

    [Test]
    public void A_library_that_is_another_one_is_refused()
    {
        var other = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), OperatingSystem.IsWindows() ? "coreclr.dll" : "libSystem.Native.so");
        var search = CudaLibrary.Nvrtc.Find([new("chosen", other)]);
        Assert.That(search.Path, Is.Null);
        Assert.That(search.Failure, Does.Contain("has no nvrtcGetSupportedArchs"));
    }

    [Test]
    public void Every_library_is_looked_for_in_both_versions_of_CUDA()
    {
        foreach (var library in new[] { CudaLibrary.Nvrtc, CudaLibrary.CublasLt })
        {
            Assert.That(library.FileNames[0], Does.Contain("13"), library.Name);
            Assert.That(library.FileNames[1], Does.Contain("12"), library.Name);
            Assert.That(library.Find([new("first", directory.Path)]).Failure, Does.StartWith($"{library.Name} not found"));
        }
    }

    [Test]
    public void A_Python_package_of_either_version_is_found()
    {
        if (OperatingSystem.IsWindows())
            Assert.Ignore("packages lie elsewhere on Windows");
        var site = Path.Combine(directory.Path, "lib", "python3.12", "site-packages");
        foreach (var package in new[] { "cu13", "cublas" })
            Directory.CreateDirectory(Path.Combine(site, "nvidia", package, "lib"));
        var before = Environment.GetEnvironmentVariable("VIRTUAL_ENV");
        Environment.SetEnvironmentVariable("VIRTUAL_ENV", directory.Path);
        try
        {
            Assert.That(CudaLibrary.CublasLt.Search().Select(place => place.Path), Is.SupersetOf(new[]
            {
                Path.Combine(site, "nvidia", "cu13/lib"), Path.Combine(site, "nvidia", "cublas/lib"),
            }));
        }
        finally
        {
            Environment.SetEnvironmentVariable("VIRTUAL_ENV", before);
        }
    }

    [Test]
    public void A_path_that_was_chosen_is_the_only_place() =>
        Assert.That(CudaLibrary.Nvrtc.Places("/somewhere").Select(p => p.Path), Is.EqualTo(new[] { "/somewhere" }));

    [Test]
    public void Without_a_choice_the_program_comes_first_and_the_system_last()
    {
        if (Environment.GetEnvironmentVariable(CudaLibrary.Nvrtc.Variable) is { Length: > 0 })
            Assert.Ignore($"{CudaLibrary.Nvrtc.Variable} is set, and is the only place then");
        var places = CudaLibrary.Nvrtc.Places().ToList();
        Assert.That(places[0].Path, Is.EqualTo(AppContext.BaseDirectory));
        Assert.That(places[^1], Is.EqualTo(LibraryPlace.SystemLoader));
    }
}
