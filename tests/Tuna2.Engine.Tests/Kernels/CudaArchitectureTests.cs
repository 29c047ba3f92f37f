using NUnit.Framework;
using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>Names of architectures and what runs where.</summary>
public class CudaArchitectureTests
{
    [TestCase("sm_80")]
    [TestCase("sm_90a")]
    [TestCase("sm_100f")]
    [TestCase("sm_120")]
    public void A_name_is_read_and_written(string name) => Assert.That($"{CudaArchitecture.Parse(name)}", Is.EqualTo(name));

    [TestCase("")]
    [TestCase("sm_")]
    [TestCase("sm_a")]
    [TestCase("sm_9")]
    [TestCase("sm_90b")]
    [TestCase("sm_ 90")]
    [TestCase("sm_-90")]
    [TestCase("compute_90")]
    [TestCase("90")]
    public void Anything_else_is_refused(string name) => Assert.That(() => CudaArchitecture.Parse(name), Throws.TypeOf<DeviceException>());

    [TestCase("sm_80", "sm_80", true)]
    [TestCase("sm_90a", "sm_80", true)]
    [TestCase("sm_75", "sm_80", false)]
    [TestCase("sm_90a", "sm_90a", true)]
    [TestCase("sm_90", "sm_90a", false)]
    [TestCase("sm_100a", "sm_90a", false)]
    [TestCase("sm_103f", "sm_100f", true)]
    [TestCase("sm_120f", "sm_100f", false)]
    public void Code_for_one_architecture_only_runs_on_no_other(string architecture, string minimum, bool runs) =>
        Assert.That(CudaArchitecture.Parse(architecture).Satisfies(CudaArchitecture.Parse(minimum)), Is.EqualTo(runs));
}
