using System.IO.Compression;
using System.Text;
using NUnit.Framework;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Kernels compiled ahead: found for the architectures that run them, and never when stale or damaged.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KernelArchiveTests : IDisposable
{
    private static readonly KernelInstance _kernel = KernelCatalog.Get("copy_rows");
    private static readonly CudaArchitecture _hopper = CudaArchitecture.Parse("sm_90a");

    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [TestCase("sm_80", "code for sm_80")]
    [TestCase("sm_86", "code for sm_86")]
    [TestCase("sm_87", "code for sm_86")]
    [TestCase("sm_89", "code for sm_86")]
    [TestCase("sm_90a", "code for sm_90a")]
    [TestCase("sm_90", null)]
    [TestCase("sm_75", null)]
    [TestCase("sm_100a", null)]
    public void Code_is_found_for_what_runs_it(string architecture, string? image)
    {
        var archive = Archive(["sm_80", "sm_86", "sm_90a"], a => $"code for {a}");
        var found = archive.Find(_kernel, CudaArchitecture.Parse(architecture));
        Assert.That(found is null ? null : Encoding.UTF8.GetString(found.Image.Span), Is.EqualTo(image));
        Assert.That(archive.Find(KernelCatalog.Get("silu_f32"), _hopper), Is.Null);
    }

    [Test]
    public void Code_of_another_source_is_not_used()
    {
        Archive(["sm_90a"], a => a);
        Rewrite((name, image) => ($"{name[..^71]}{(name[^71] == '0' ? '1' : '0')}{name[^70..]}", image));
        Assert.That(KernelArchive.Open(_folder.File("kernels.zip")).Find(_kernel, _hopper), Is.Null);
    }

    [Test]
    public void Damaged_code_is_not_used()
    {
        Archive(["sm_90a"], a => a);
        Rewrite((name, image) => (name, [.. image[..^1], (byte)(image[^1] ^ 1)]));
        Assert.That(KernelArchive.Open(_folder.File("kernels.zip")).Find(_kernel, _hopper), Is.Null);
    }

    [Test]
    public void A_file_that_is_no_archive_is_named()
    {
        var path = _folder.Write("kernels.zip", "no archive"u8);
        Assert.That(() => KernelArchive.Open(path), Throws.TypeOf<DeviceException>().With.Message.StartsWith($"{path}: damaged"));
    }

    [Test]
    public void The_same_kernels_are_the_same_bytes()
    {
        Archive(["sm_80", "sm_90a"], a => a);
        var first = File.ReadAllBytes(_folder.File("kernels.zip"));
        Archive(["sm_90a", "sm_80"], a => a);
        Assert.That(File.ReadAllBytes(_folder.File("kernels.zip")), Is.EqualTo(first));
    }

    [Test]
    public void Packed_kernels_need_no_compiler()
    {
        using var fake = new FakeDriver();
        var archive = Archive(["sm_90a"], _ => "copy_rows\0");
        using var gpu = new FakeGpu(fake, new PackedImages([archive], _hopper, () => throw new DeviceException("NVRTC not found")));
        gpu.Launch(new CopyRows(3), new CopyRowsArgs { Words = 4, Rows = 1 });
        Assert.That(fake.Launches.Single().Entry, Is.EqualTo("copy_rows"));
        Assert.That(() => gpu.Launch(new Silu(ElementType.F32), new SiluArgs { Count = 4 }), Throws.TypeOf<DeviceException>()
            .With.Message.EqualTo("silu_f32 for sm_90a: there is no packed code for it, and NVRTC not found"));
    }

    [Test]
    public void What_the_driver_rejects_or_nobody_packed_is_compiled()
    {
        using var fake = new FakeDriver();
        var compiled = new TestImages();
        using var gpu = new FakeGpu(fake, new PackedImages([Archive(["sm_90a"], _ => "!copy_rows\0")], _hopper, () => compiled));
        gpu.Launch(new CopyRows(3), new CopyRowsArgs { Words = 4, Rows = 1 });
        Assert.That(compiled.Given, Is.EqualTo(1));
        gpu.Launch(new Silu(ElementType.F32), new SiluArgs { Count = 4 });
        Assert.That(compiled.Given, Is.EqualTo(2));
    }

    [Test]
    public void The_archive_asked_first_is_taken_while_its_code_is_not_stale()
    {
        var embedded = Archive(["sm_90a"], _ => "older", "embedded.zip");
        var beside = Archive(["sm_90a"], _ => "newer");
        var images = new PackedImages([beside, embedded], _hopper, () => throw new DeviceException("none"));
        Assert.That(Encoding.UTF8.GetString(images.Get(_kernel).Image.Span), Is.EqualTo("newer"));
        Rewrite((name, image) => ($"{name[..^71]}{(name[^71] == '0' ? '1' : '0')}{name[^70..]}", image));
        images = new([KernelArchive.Open(_folder.File("kernels.zip")), embedded], _hopper, () => throw new DeviceException("none"));
        Assert.That(Encoding.UTF8.GetString(images.Get(_kernel).Image.Span), Is.EqualTo("older"));
    }

    private KernelArchive Archive(IEnumerable<string> architectures, Func<string, string> image, string name = "kernels.zip")
    {
        var path = _folder.File(name);
        KernelArchive.Write(path, [.. architectures.Select(a => new CompiledKernel
        {
            Instance = _kernel, Architecture = a, IsPtx = false, Image = Encoding.UTF8.GetBytes(image(a)), Resources = null, Log = "",
        })]);
        return KernelArchive.Open(path);
    }

    private void Rewrite(Func<string, byte[], (string, byte[])> change)
    {
        var path = _folder.File("kernels.zip");
        var entries = new List<(string Name, byte[] Image)>();
        using (var old = ZipFile.OpenRead(path))
            foreach (var entry in old.Entries)
            {
                using var image = new MemoryStream();
                using (var from = entry.Open())
                    from.CopyTo(image);
                entries.Add(change(entry.FullName, image.ToArray()));
            }
        File.Delete(path);
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var (name, image) in entries)
        {
            using var to = zip.CreateEntry(name).Open();
            to.Write(image);
        }
    }
}
