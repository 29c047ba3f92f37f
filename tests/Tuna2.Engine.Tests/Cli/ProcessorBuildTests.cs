using NUnit.Framework;
using Tuna2.Cli;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>Which program of a published folder a machine gets, by the flags that Linux gives its processor.</summary>
public sealed class ProcessorBuildTests
{
    private const string Old = "fpu cx16 sse4_1 sse4_2 ssse3 popcnt lahf_lm";
    private const string Haswell = Old + " avx avx2 bmi1 bmi2 f16c fma abm movbe";
    private const string Skylake = Haswell + " avx512f avx512bw avx512cd avx512dq avx512vl";
    private const string IceLake = Skylake + " avx512_vbmi2";

    [TestCase("")]
    [TestCase(Old)]
    [TestCase(Old + " avx avx2 avx512f", TestName = "Most of a level is not the level")]
    [TestCase("avx512f avx512bw avx512cd avx512dq avx512vl avx512_vbmi2", TestName = "A level needs those below")]
    [TestCase(Haswell, "x86-64-v3")]
    [TestCase(Skylake, "x86-64-v3", TestName = "The first AVX-512 is not used")]
    [TestCase(IceLake, "x86-64-v4", "x86-64-v3")]
    public void The_best_comes_first(string flags, params string[] levels) =>
        Assert.That(ProcessorBuild.Levels(flags.Split(' ').ToHashSet()), Is.EqualTo(levels));

    [Test]
    public void Flags_are_those_of_the_first_processor()
    {
        string[] lines = ["processor\t: 0", "vmx flags\t: vnmi", "flags\t\t: fpu avx avx2", "", "processor\t: 1", "flags\t\t: fma"];
        var flags = ProcessorBuild.Flags(lines);
        Assert.That(flags, Does.Contain("fpu").And.Contain("avx2").And.Not.Contain("fma").And.Not.Contain("vnmi"));
        Assert.That(ProcessorBuild.Flags(["processor\t: 0"]), Does.Not.Contain("avx"));
    }

    [Test]
    public void Every_level_has_its_program()
    {
        var targets = File.ReadAllText(Path.Combine(Fixtures.Repository, "src", "Tuna2.Cli", "NativeAot.targets"));
        var all = ProcessorBuild.Levels(IceLake.Split(' ').ToHashSet());
        Assert.That(targets, Does.Contain($"Include=\"{string.Join(';', all.Order(StringComparer.Ordinal))}\""));
    }
}
