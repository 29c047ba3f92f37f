using System.Runtime.InteropServices;
using NUnit.Framework;
using Tuna2.Engine.Cuda.Compiler;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>The cache of compiled kernels: what was stored comes back whole or not at all, and nothing about a disk stops a run.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class KernelCacheTests : IDisposable
{
    private static readonly KernelInstance _instance = new("fill_1", "fill.cu", ["VALUE=1"]);
    private static readonly KernelSource _source = new("fill.cu", "extern \"C\" __global__ void fill(float* x) { x[threadIdx.x] = VALUE; }", []);

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    private KernelCache Open() => KernelCache.Open(directory.Path);

    [Test]
    public void What_is_stored_is_found_by_another_run([Values] bool isPtx)
    {
        var kernel = Kernel(1) with { IsPtx = isPtx, Resources = isPtx ? null : new(21, 1, 2, 3, 4, 5) };
        Store(Open(), kernel);
        var found = Open().Find(kernel.Key, _instance)!;
        Assert.That(found.Image.ToArray(), Is.EqualTo(kernel.Image.ToArray()));
        Assert.That(found with { Image = default }, Is.EqualTo(kernel with { Image = default, Cached = true }));
    }

    [Test]
    public void The_source_lies_beside_the_entry()
    {
        var cache = Open();
        Store(cache, Kernel(1));
        Assert.That(File.ReadAllText(Path.ChangeExtension(cache.PathOf(Kernel(1).Key, _instance), ".cu")), Does.StartWith("// fill_1 sm_80: -x\n").And.EndsWith(_source.Text));
    }

    [Test]
    public void An_entry_that_is_damaged_anywhere_is_dropped()
    {
        var cache = Open();
        var kernel = Kernel(1);
        Store(cache, kernel);
        var path = cache.PathOf(kernel.Key, _instance);
        var whole = File.ReadAllBytes(path);
        for (var i = 0; i < whole.Length; i++)
        {
            var flipped = (byte[])whole.Clone();
            flipped[i] ^= 0x10;
            File.WriteAllBytes(path, flipped);
            Assert.That(Open().Find(kernel.Key, _instance), Is.Null, $"byte {i}");
            Assert.That(File.Exists(path), Is.False, $"byte {i}");
        }
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole.AsSpan(0, length));
            Assert.That(Open().Find(kernel.Key, _instance), Is.Null, $"{length} bytes");
        }
        File.WriteAllBytes(path, [.. whole, 0]);
        Assert.That(Open().Find(kernel.Key, _instance), Is.Null, "a byte more");
    }

    [Test]
    public void An_entry_in_the_place_of_another_is_dropped()
    {
        var cache = Open();
        Store(cache, Kernel(1));
        var path = cache.PathOf(Kernel(2).Key, _instance);
        File.Copy(cache.PathOf(Kernel(1).Key, _instance), path);
        Assert.That(Open().Find(Kernel(2).Key, _instance), Is.Null);
        Assert.That(File.Exists(path), Is.False);
    }

    [Test]
    public void A_damaged_kernel_is_compiled_once_and_cached_again()
    {
        var kernel = Compile(Open());
        Assert.That(kernel.Cached, Is.False);
        Assert.That(Compile(Open()).Cached, Is.True);
        foreach (var damaged in new byte[][] { [], "not an entry"u8.ToArray() })
        {
            File.WriteAllBytes(Open().PathOf(kernel.Key, _instance), damaged);
            var again = Compile(Open());
            Assert.That(again.Cached, Is.False);
            Assert.That(again.Image.ToArray(), Is.EqualTo(kernel.Image.ToArray()));
            Assert.That(Compile(Open()).Cached, Is.True);
        }
    }

    [Test]
    public void An_image_of_another_architecture_is_not_taken()
    {
        var kernel = Compile(Open());
        Store(Open(), kernel with { Architecture = "sm_90a" });
        Assert.That(Compile(Open()).Architecture, Is.EqualTo("sm_80"));
    }

    [Test]
    public void A_kernel_the_driver_refused_is_forgotten()
    {
        var cache = Open();
        Store(cache, Kernel(1));
        cache.Remove(Kernel(1));
        Assert.That(cache.Find(Kernel(1).Key, _instance), Is.Null);
        Assert.That(Directory.GetFiles(cache.Directory!), Is.Empty);
    }

    [Test]
    public void Writers_and_readers_at_the_same_time_see_whole_entries()
    {
        var kernel = Kernel(1) with { Image = new byte[200_000] };
        Parallel.For(0, 64, new() { MaxDegreeOfParallelism = 8 }, i =>
        {
            var cache = Open();
            if (i % 2 == 0)
                Store(cache, kernel);
            else if (cache.Find(kernel.Key, _instance) is { } found)
                Assert.That(found.Image.Length, Is.EqualTo(kernel.Image.Length));
        });
        Assert.That(Open().Find(kernel.Key, _instance), Is.Not.Null);
        Assert.That(Directory.GetFiles(Open().Directory!).Select(Path.GetExtension), Is.EquivalentTo(new[] { ".kernel", ".cu" }));
    }

    [Test]
    public void What_a_killed_writer_left_is_not_read_and_goes_in_time()
    {
        var cache = Open();
        var old = Path.Combine(cache.Directory!, ".fill.kernel.1.tmp");
        var recent = Path.Combine(cache.Directory!, ".fill.kernel.2.tmp");
        File.WriteAllText(old, "half");
        File.WriteAllText(recent, "half");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        Store(cache, Kernel(1));
        Assert.That(File.Exists(old), Is.False);
        Assert.That(File.Exists(recent), Is.True, "it may be under way");
        Assert.That(Open().Find(Kernel(1).Key, _instance), Is.Not.Null);
    }

    [Test]
    public void The_oldest_go_when_there_are_too_many()
    {
        for (var i = 0; i < 5; i++)
        {
            Store(Open(), Kernel(i) with { Image = new byte[1000] });
            File.SetLastWriteTimeUtc(Open().PathOf(Kernel(i).Key, _instance), DateTime.UtcNow.AddMinutes(i - 10));
        }
        Assert.That(Open().Find(Kernel(0).Key, _instance), Is.Not.Null, "which makes it the last used");
        Store(KernelCache.Open(directory.Path, 2500, TimeSpan.FromDays(1)), Kernel(5));
        Assert.That(Enumerable.Range(0, 6).Where(i => Open().Find(Kernel(i).Key, _instance) is not null), Is.EqualTo(new[] { 0, 4, 5 }));
    }

    [Test]
    public void What_is_not_used_for_long_goes()
    {
        Store(Open(), Kernel(1));
        File.SetLastWriteTimeUtc(Open().PathOf(Kernel(1).Key, _instance), DateTime.UtcNow.AddDays(-31));
        Store(Open(), Kernel(2));
        Assert.That(Open().Find(Kernel(1).Key, _instance), Is.Null);
        Assert.That(Directory.GetFiles(Open().Directory!), Has.Length.EqualTo(2));
    }

    [Test]
    public void A_disk_that_cannot_be_written_leaves_the_memory()
    {
        var cache = Open();
        Directory.CreateDirectory(cache.PathOf(Kernel(1).Key, _instance)); // no rename onto a folder, not even for root
        Store(cache, Kernel(1));
        Assert.That(cache.Reason, Does.Contain(cache.Directory));
        Assert.That(cache.Find(Kernel(1).Key, _instance)!.Cached, Is.True);
        Assert.That(Directory.GetFiles(cache.Directory!), Is.Empty);
    }

    [Test]
    public void A_folder_that_cannot_be_made_leaves_the_memory()
    {
        File.WriteAllText(directory.File("file"), "");
        var cache = KernelCache.Open(Path.Combine(directory.Path, "file", "cache"));
        Assert.That(cache.Directory, Is.Null);
        Assert.That(cache.Reason, Is.Not.Null.And.Not.Contains("\n"));
        var kernel = Compile(cache);
        Assert.That(kernel.Cached, Is.False);
        Assert.That(Compile(cache).Cached, Is.True);
    }

    [Test]
    public void A_cache_that_is_off_keeps_nothing()
    {
        var cache = KernelCache.Off();
        Store(cache, Kernel(1));
        Assert.That(cache.Find(Kernel(1).Key, _instance), Is.Null);
    }

    [Test]
    [Platform(Exclude = "Win")]
    public void The_folder_is_the_users_alone()
    {
        var root = Path.Combine(directory.Path, "cache");
        var cache = KernelCache.Open(root);
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (OperatingSystem.IsWindows()) return;
        Assert.That(File.GetUnixFileMode(root), Is.EqualTo(owner));
        Assert.That(File.GetUnixFileMode(cache.Directory!), Is.EqualTo(owner));
    }

    [TestCase("", UnixFileMode.OtherWrite)]
    [TestCase("", UnixFileMode.GroupWrite)]
    [TestCase("kernels", UnixFileMode.OtherWrite)]
    [Platform(Exclude = "Win")]
    public void A_folder_others_can_write_is_refused(string folder, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows()) return;
        Assert.That(Open().Directory, Is.Not.Null);
        var open = Path.Combine(directory.Path, folder);
        File.SetUnixFileMode(open, File.GetUnixFileMode(open) | mode);
        var cache = Open();
        Assert.That(cache.Directory, Is.Null);
        Assert.That(cache.Reason, Does.EndWith("can be written by others"));
    }

    [Test]
    [Platform("Linux")]
    public void A_folder_of_another_user_is_refused()
    {
        var foreign = directory.Path;
        if (Environment.IsPrivilegedProcess)
            Assert.That(chown(foreign, 12345, 12345), Is.Zero);
        else
            foreign = "/usr";
        var cache = KernelCache.Open(foreign);
        Assert.That(cache.Directory, Is.Null);
        Assert.That(cache.Reason, Does.EndWith("belongs to another user"));
    }

    [Test]
    public void The_variable_moves_the_cache()
    {
        var before = Environment.GetEnvironmentVariable(KernelCache.Variable);
        try
        {
            Environment.SetEnvironmentVariable(KernelCache.Variable, directory.Path);
            Assert.That(KernelCache.OfUser().Directory, Is.EqualTo(Path.Combine(directory.Path, "kernels")));
        }
        finally
        {
            Environment.SetEnvironmentVariable(KernelCache.Variable, before);
        }
    }

    private static CompiledKernel Kernel(int number) => new()
    {
        Instance = _instance,
        Key = KernelKey.Of("nvrtc 12.4", _instance, _source, [$"{number}"]),
        Architecture = "sm_80",
        IsPtx = false,
        Image = new byte[] { 1, 2, 3, (byte)number },
        Resources = new(21, 0, 0, 0, 0, 376),
        Log = "ptxas info",
    };

    private static void Store(KernelCache cache, CompiledKernel kernel) => cache.Store(kernel, _source, ["-x"]);

    private static CompiledKernel Compile(KernelCache cache) => NvrtcUnderTest.Compiler(cache).Compile(_instance, _source, "sm_80");

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint owner, uint group);
}
