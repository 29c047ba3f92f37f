using System.Diagnostics;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Native;

/// <summary>native/selftest: the emulated device against what NVIDIA documents of the real one.</summary>
public class SelfTests
{
    [Test]
    public void The_emulated_device_does_what_is_documented()
    {
        using var process = Process.Start(new ProcessStartInfo(NativeBuild.Require("tuna2_selftest")) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
    }
}
