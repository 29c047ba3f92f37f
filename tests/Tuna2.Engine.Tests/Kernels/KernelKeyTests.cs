using NUnit.Framework;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>Whatever decides a kernel's bits decides its key.</summary>
public class KernelKeyTests
{
    private static readonly KernelInstance _instance = new("k_1", "k.cu", ["A=1"]);
    private static readonly KernelSource _source = new("k.cu", "text", [new("a.cuh", "first"), new("b.cuh", "second")]);
    private static readonly string[] _options = ["--gpu-architecture=sm_80", "-DA=1"];

    private static IEnumerable<TestCaseData> Changes()
    {
        yield return Change("compiler", KernelKey.Of("nvrtc 12.5", _instance, _source, _options));
        yield return Change("name", KernelKey.Of("nvrtc 12.4", _instance with { Name = "k_2" }, _source, _options));
        yield return Change("source", KernelKey.Of("nvrtc 12.4", _instance, _source with { Text = "text " }, _options));
        yield return Change("header", KernelKey.Of("nvrtc 12.4", _instance, _source with { Headers = [new("a.cuh", "first"), new("b.cuh", "Second")] }, _options));
        yield return Change("header added", KernelKey.Of("nvrtc 12.4", _instance, _source with { Headers = [.. _source.Headers, new("c.cuh", "")] }, _options));
        yield return Change("architecture", KernelKey.Of("nvrtc 12.4", _instance, _source, ["--gpu-architecture=sm_90a", "-DA=1"]));
        yield return Change("define", KernelKey.Of("nvrtc 12.4", _instance, _source, ["--gpu-architecture=sm_80", "-DA=2"]));
        yield return Change("option", KernelKey.Of("nvrtc 12.4", _instance, _source, [.. _options, "-lineinfo"]));
        yield return Change("text moved between fields", KernelKey.Of("nvrtc 12.4", _instance, _source with { Headers = [new("a.cuh", "firstb.cuh"), new("", "second")] }, _options));

        static TestCaseData Change(string what, KernelKey key) => new TestCaseData(key).SetArgDisplayNames(what);
    }

    [TestCaseSource(nameof(Changes))]
    public void A_change_is_another_key(object changed) =>
        Assert.That(changed, Is.Not.EqualTo(KernelKey.Of("nvrtc 12.4", _instance, _source, _options)));

    [Test]
    public void The_same_is_the_same_key() =>
        Assert.That(KernelKey.Of("nvrtc 12.4", _instance, _source, _options), Is.EqualTo(KernelKey.Of("nvrtc 12.4", _instance with { }, _source with { }, [.. _options])));

    [TestCaseSource(typeof(KernelCatalog), nameof(KernelCatalog.Instances))]
    public void A_source_is_keyed_with_every_header_it_reaches(KernelInstance instance)
    {
        var headers = KernelSource.Of(instance).Headers;
        Assert.That(headers.Select(h => h.Name), Does.Contain("common/platform.cuh"));
        Assert.That(headers.Select(h => h.Name), Is.Unique.And.Ordered);
    }
}
