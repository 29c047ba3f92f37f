using NUnit.Framework;

namespace Tuna2.Engine.Tests;

/// <summary>
/// What a machine may lack: its tests are skipped, and say so. TUNA2_REQUIRE names what it must not lack ("nvrtc,native"): there
/// they fail.
/// </summary>
static class Requirement
{
    /// <summary>Ends the test: skipped, or failed where the thing is required.</summary>
    public static void Missing(string name, string why)
    {
        var required = (Environment.GetEnvironmentVariable("TUNA2_REQUIRE") ?? "").Split(',', StringSplitOptions.TrimEntries);
        if (required.Contains(name))
            Assert.Fail($"TUNA2_REQUIRE wants {name}: {why}");
        Assert.Ignore(why);
    }
}
