using NUnit.Framework;

namespace Tuna2.Engine.Tests.Native;

/// <summary>Where the host runner was built: TUNA2_NATIVE_DIR, else build/native (native/README.md).</summary>
internal static class NativeBuild
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("TUNA2_NATIVE_DIR") is { Length: > 0 } given
        ? given
        : Path.Combine(Fixtures.Repository, "build", "native");

    /// <summary>A file of the build. Where there is none the test is skipped, or fails if TUNA2_REQUIRE names "native".</summary>
    public static string Require(params string[] parts)
    {
        var path = Path.Combine([Folder, .. parts]);
        if (File.Exists(path))
            return path;
        var message = $"{path} is not built: cmake -S . -B build/native && cmake --build build/native -j";
        var required = (Environment.GetEnvironmentVariable("TUNA2_REQUIRE") ?? "").Split(',', StringSplitOptions.TrimEntries);
        if (required.Contains("native"))
            Assert.Fail(message);
        Assert.Ignore(message);
        return path;
    }
}
