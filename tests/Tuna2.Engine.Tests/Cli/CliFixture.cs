using System.Diagnostics.CodeAnalysis;
using NUnit.Framework;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Shapes;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>A folder of its own for every test, with a picture the demo model understands.</summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The folder goes with the test, not with the fixture.")]
public abstract class CliFixture
{
    private TemporaryDirectory? _directory;

    protected static string DemoModel { get; } = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes");

    internal TemporaryDirectory Folder => _directory!;

    /// <summary>A red circle on blue, 64x64.</summary>
    protected string Circle { get; private set; } = "";

    [SetUp]
    public void MakeFolder()
    {
        _directory = new TemporaryDirectory();
        var scene = ShapesWorld.One("blue", "red", "circle", "large");
        Directory.CreateDirectory(Folder.File("in"));
        Circle = Path.Combine(Folder.File("in"), "circle.png");
        new RgbImage(ShapesWorld.Side, ShapesWorld.Side, ShapesWorld.Render(scene)).Save(Circle);
    }

    [TearDown]
    public void RemoveFolder() => _directory?.Dispose();

    /// <summary>The files a command left in the test's folder, hidden ones too, the input apart.</summary>
    protected IReadOnlyList<string> Written() =>
        [.. Directory.EnumerateFiles(Folder.Path, "*", SearchOption.AllDirectories).Where(path => path != Circle).Select(path => Path.GetRelativePath(Folder.Path, path)).Order(StringComparer.Ordinal)];

    /// <summary>A copy of the demo model to break.</summary>
    protected string CopyModel()
    {
        var copy = Directory.CreateDirectory(Folder.File("model")).FullName;
        foreach (var file in Directory.EnumerateFiles(DemoModel))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }
}
