using NUnit.Framework;
using Tuna2.Engine.Cpu;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>What can be had, from the files of machines, containers and limits of every kind.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SystemMemoryTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _root = new();

    public void Dispose() => _root.Dispose();

    [Test]
    public void This_machine_has_some()
    {
        Assert.That(SystemMemory.AvailableBytes, Is.InRange(16 * MiB, 1L << 45));
    }

    [Test]
    public void Nothing_known_is_not_nothing_left() => Assert.That(Available(), Is.Null);

    [Test]
    public void What_the_kernel_calls_available_counts()
    {
        Machine(availableMiB: 700);
        Assert.That(Available(), Is.EqualTo(700 * MiB));
    }

    [Test]
    public void A_container_of_version_2_leaves_its_limit_less_what_it_uses_and_cannot_give_back()
    {
        Machine(availableMiB: 700);
        Put("proc/self/cgroup", "0::/\n");
        Group2("sys/fs/cgroup", $"{300 * MiB}", usedMiB: 200, cachedMiB: 150);
        Assert.That(Available(), Is.EqualTo(250 * MiB));
    }

    [Test]
    public void The_tightest_of_nested_groups_holds([Values] bool outer)
    {
        Machine(availableMiB: 700);
        Put("proc/self/cgroup", "0::/user.slice/work.scope\n");
        Group2("sys/fs/cgroup/user.slice", outer ? $"{100 * MiB}" : "max", usedMiB: 40, cachedMiB: 0);
        Group2("sys/fs/cgroup/user.slice/work.scope", outer ? "max" : $"{90 * MiB}", usedMiB: 30, cachedMiB: 0);
        Assert.That(Available(), Is.EqualTo(60 * MiB));
    }

    [Test]
    public void A_container_of_version_1_counts_too_under_the_hosts_path([Values] bool seesItsPath)
    {
        Machine(availableMiB: 700);
        Put("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n");
        var group = $"sys/fs/cgroup/memory{(seesItsPath ? "/docker/abc" : "")}";
        Put($"{group}/memory.limit_in_bytes", $"{500 * MiB}\n");
        Put($"{group}/memory.usage_in_bytes", $"{400 * MiB}\n");
        Put($"{group}/memory.stat", $"cache 1\ntotal_inactive_file {20 * MiB}\ntotal_active_file {10 * MiB}\ninactive_file {90 * MiB}\n");
        Assert.That(Available(), Is.EqualTo(130 * MiB));
    }

    [Test]
    public void A_group_without_a_limit_does_not_count()
    {
        Machine(availableMiB: 700);
        Put("proc/self/cgroup", "4:memory:/\n0::/a\n");
        Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        Put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
        Group2("sys/fs/cgroup/a", "max", usedMiB: 1, cachedMiB: 0);
        Assert.That(Available(), Is.EqualTo(700 * MiB));
    }

    [Test]
    public void An_address_space_limit_leaves_what_is_not_mapped()
    {
        Machine(availableMiB: 700);
        Put("proc/self/limits", $"Limit                     Soft Limit           Hard Limit           Units     \nMax address space         {400 * MiB}            unlimited            bytes     \n");
        Put("proc/self/statm", $"{100 * MiB / Environment.SystemPageSize} 5 5 5 0 5 0\n");
        Assert.That(Available(), Is.EqualTo(300 * MiB));
        Put("proc/self/limits", "Max address space         unlimited            unlimited            bytes     \n");
        Assert.That(Available(), Is.EqualTo(700 * MiB));
    }

    [Test]
    public void Memory_taken_and_not_yet_touched_is_gone()
    {
        Machine(availableMiB: 700);
        Put("proc/self/status", $"Name:\tdotnet\nVmRSS:\t 999999 kB\nRssAnon:\t  {80 * 1024} kB\nVmSwap:\t {10 * 1024} kB\n");
        Assert.That(SystemMemory.OnLinux(_root.Path, taken: 50 * MiB), Is.EqualTo(700 * MiB));
        Assert.That(SystemMemory.OnLinux(_root.Path, taken: 190 * MiB), Is.EqualTo(600 * MiB));
        Assert.That(SystemMemory.OnLinux(_root.Path, taken: 1 << 30), Is.Zero, "not less than nothing");
    }

    [Test]
    public void Files_of_nonsense_are_passed_over()
    {
        Machine(availableMiB: 700);
        Put("proc/self/cgroup", "nonsense\n0::\n:::\n");
        Put("sys/fs/cgroup/memory.max", "");
        Put("proc/self/limits", "Max address space\n");
        Put("proc/self/statm", "x y\n");
        Put("proc/self/status", "RssAnon:\n");
        Assert.That(Available(), Is.EqualTo(700 * MiB));
    }

    private long? Available() => SystemMemory.OnLinux(_root.Path, taken: 0);

    private void Machine(long availableMiB) => Put("proc/meminfo", $"MemTotal:       24683520 kB\nMemFree:          100 kB\nMemAvailable:   {availableMiB * 1024} kB\n");

    private void Group2(string folder, string limit, long usedMiB, long cachedMiB)
    {
        Put($"{folder}/memory.max", limit + "\n");
        Put($"{folder}/memory.current", $"{usedMiB * MiB}\n");
        Put($"{folder}/memory.stat", $"anon 17\nfile {cachedMiB * MiB}\ninactive_file {cachedMiB * MiB / 2}\nactive_file {cachedMiB * MiB / 2}\n");
    }

    private void Put(string file, string text)
    {
        var path = _root.File(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
