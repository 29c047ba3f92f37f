using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>kernels/instances.txt and the sources it names.</summary>
public class KernelCatalogTests
{
    [Test]
    public void The_list_has_instances() => Assert.That(KernelCatalog.Instances, Is.Not.Empty);

    [TestCaseSource(typeof(KernelCatalog), nameof(KernelCatalog.Instances))]
    public void An_instance_names_a_source_with_its_entry_point_and_whole_defines(KernelInstance instance)
    {
        Assert.That(KernelCatalog.Files, Does.ContainKey(instance.Source));
        Assert.That(KernelCatalog.Files[instance.Source], Does.Match($@"extern ""C"" __global__[^;{{]*\b{instance.Entry}\("));
        Assert.That(instance.Defines, Has.All.Match(@"^[A-Z][A-Z0-9_]*=[A-Za-z0-9_]+$"));
        Assert.That(CudaArchitecture.Parse(instance.MinimumArchitecture).Capability, Is.GreaterThanOrEqualTo(80));
        Assert.That(KernelCatalog.Get(instance.Name), Is.EqualTo(instance));
    }

    [Test]
    public void Every_source_has_an_instance()
    {
        var sources = KernelCatalog.Files.Keys.Where(f => f.EndsWith(".cu", StringComparison.Ordinal));
        Assert.That(KernelCatalog.Instances.Select(k => k.Source).Distinct(), Is.EquivalentTo(sources));
    }
}
