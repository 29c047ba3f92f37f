using NUnit.Framework;
using Tuna2.Engine.Parity;

namespace Tuna2.Engine.Tests.Parity;

/// <summary>The engine against outputs of the official implementation, every kind of parity directory.</summary>
public class GoldenTests
{
    [OneTimeSetUp]
    public void MakeWeights()
    {
        SeededWeights.MakeTiny();
        SeededWeights.MakeTunaR();
        SeededWeights.MakeTuna();
    }

    [TestCase("tuna2-tiny", 8, 1)]
    [TestCase("tuna2-tiny-bf16", 1, 0)]
    [TestCase("tunar-tiny", 7, 0)]
    [TestCase("tunavae-tiny", 9, 0)]
    [TestCase("tuna2-shapes", 6, 0)]
    [TestCase("torch_rng", 12, 0)]
    [TestCase("preprocess", 5, 0)]
    public async Task A_directory_of_references_is_reproduced(string name, int passed, int notRun)
    {
        var report = await ParityRunner.RunAsync(Fixtures.Path(name));
        foreach (var c in report.Cases.Where(c => c.Status == ParityStatus.Failed))
            Assert.Fail($"{c.Name}: {c.Reason} {string.Join("; ", c.Checks.Where(k => !k.Passed))}");
        Assert.Multiple(() =>
        {
            Assert.That(report.Passed, Is.EqualTo(passed));
            Assert.That(report.NotRun, Is.EqualTo(notRun));
        });
    }
}
