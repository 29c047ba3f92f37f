using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>Kernels of a folder, which take the place of the library's.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KernelFilesTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public void The_repositorys_folder_is_what_the_library_carries()
    {
        var (embedded, read) = (KernelFiles.Embedded(), KernelFiles.Read(Path.Combine(Fixtures.Repository, "kernels")));
        Assert.That(read.Sources, Is.EquivalentTo(embedded.Sources));
        Assert.That(read.Instances.Select(i => i.ToString()), Is.EqualTo(embedded.Instances.Select(i => i.ToString())));
        Assert.That(embedded.Folder, Is.Null);
        Assert.That(read.Folder, Is.Not.Null);
    }

    [TestCase("one", "instances.txt:1: an instance has a name and a source")]
    [TestCase("# list\none a.cu\n\none a.cu", "instances.txt:4: a second one")]
    public void A_wrong_list_is_named_with_its_line(string list, string problem)
    {
        _folder.Write("instances.txt", System.Text.Encoding.UTF8.GetBytes(list));
        Assert.That(() => KernelFiles.Read(_folder.Path), Throws.TypeOf<DeviceException>().With.Message.EndsWith(problem));
    }

    [Test]
    public void A_folder_without_a_list_is_named() =>
        Assert.That(() => KernelFiles.Read(_folder.Path), Throws.TypeOf<DeviceException>().With.Message.EqualTo($"{_folder.Path}: no instances.txt there"));
}
