using System.Collections.Concurrent;
using System.Text;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>
/// Compiled kernels, kept on disk from run to run. It never stands in the way: a folder that cannot be trusted, read or written is
/// not used, a damaged entry is dropped, and the kernel is compiled instead. Any number of threads and processes may share it.
/// </summary>
public sealed class KernelCache
{
    /// <summary>The variable that moves the cache elsewhere.</summary>
    public const string Variable = "TUNA2_CACHE_DIR";

    private const string Extension = ".kernel";
    private static readonly TimeSpan _abandoned = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<KernelKey, CompiledKernel>? _memory;
    private readonly long _maxBytes;
    private readonly TimeSpan _maxAge;
    private int _swept;

    private KernelCache(string? directory, string? reason, bool memory, long maxBytes, TimeSpan maxAge)
    {
        (Directory, Reason) = (directory, reason);
        (_maxBytes, _maxAge) = (maxBytes, maxAge);
        _memory = memory ? new() : null;
    }

    /// <summary>The folder entries lie in; null when none is used.</summary>
    public string? Directory { get; }

    /// <summary>Why kernels are not kept on disk; null while they are.</summary>
    public string? Reason { get; private set; }

    /// <summary>A cache that keeps nothing.</summary>
    public static KernelCache Off() => new(null, "turned off", memory: false, 0, default);

    /// <summary>The user's cache: TUNA2_CACHE_DIR, else tuna2 under XDG_CACHE_HOME or ~/.cache; on Windows under %LOCALAPPDATA%.</summary>
    public static KernelCache OfUser()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen)
            return Open(chosen);
        var parent = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!Path.IsPathFullyQualified(parent ?? "")) // relative ones are to be ignored, says the XDG specification
            parent = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache") : null;
        return parent is null ? InMemory("the user has no home folder") : Open(Path.Combine(parent, "tuna2"));
    }

    /// <summary>A cache in a folder, which is made if it is not there.</summary>
    public static KernelCache Open(string root) => Open(root, 512L << 20, TimeSpan.FromDays(30));

    /// <summary>The same, within bounds: entries unused for longer go, then the least recently used until the rest fits.</summary>
    internal static KernelCache Open(string root, long maxBytes, TimeSpan maxAge)
    {
        var directory = Path.Combine(Path.GetFullPath(root), "kernels");
        // Who can write the parent could put another folder in this one's place.
        var problem = PrivateDirectory.Open(Path.GetFullPath(root)) ?? PrivateDirectory.Open(directory);
        return problem is null ? new(directory, null, memory: true, maxBytes, maxAge) : InMemory(problem);
    }

    /// <summary>The kernel kept under a key, or null.</summary>
    internal CompiledKernel? Find(KernelKey key, KernelInstance instance)
    {
        if (_memory is not null && _memory.TryGetValue(key, out var kernel))
            return kernel;
        if (Directory is null)
            return null;
        var path = PathOf(key, instance);
        try
        {
            if (!File.Exists(path))
                return null;
            kernel = CacheEntry.Read(path, key, instance);
        }
        catch (InvalidDataException)
        {
            Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // deleted meanwhile, or not readable: compiling it answers both
        }
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow); // when it was last used
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache that may only be read is a cache all the same.
        }
        return kernel;
    }

    /// <summary>Keeps a kernel, with its source beside it for whoever debugs it. Where the disk refuses, in memory.</summary>
    internal void Store(CompiledKernel kernel, KernelSource source, IReadOnlyList<string> options)
    {
        if (Directory is not null && Reason is null)
        {
            var path = PathOf(kernel.Key, kernel.Instance);
            try
            {
                Sweep();
                AtomicFile.Write(path, stream => stream.Write(CacheEntry.Write(kernel)));
                AtomicFile.Write(Path.ChangeExtension(path, ".cu"), stream =>
                    stream.Write(Encoding.UTF8.GetBytes($"// {kernel}: {string.Join(' ', options)}\n{source.Text}")));
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody else may have written, and hold open, the same entry: then it is there.
                if (File.Exists(path))
                    return;
                Reason = $"{Directory}: {OneLine.Of(e.Message)}";
            }
        }
        _memory?.TryAdd(kernel.Key, kernel with { Cached = true });
    }

    /// <summary>Forgets a kernel that proved unusable.</summary>
    internal void Remove(CompiledKernel kernel)
    {
        _memory?.TryRemove(kernel.Key, out _);
        if (Directory is not null)
            Delete(PathOf(kernel.Key, kernel.Instance));
    }

    /// <summary>Where a kernel is kept, whether it is or not.</summary>
    internal string PathOf(KernelKey key, KernelInstance instance)
    {
        var name = string.Concat(instance.Name.Take(64).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return Path.Combine(Directory!, $"{name}-{key.Hex}{Extension}");
    }

    private static KernelCache InMemory(string reason) => new(null, reason, memory: true, 0, default);

    /// <summary>Once per process, before the first entry is written: a run that only reads pays nothing for it.</summary>
    private void Sweep()
    {
        if (Interlocked.Exchange(ref _swept, 1) != 0)
            return;
        var now = DateTime.UtcNow;
        var files = new DirectoryInfo(Directory!).GetFiles();
        foreach (var aside in files.Where(f => f.Extension == ".tmp" && now - f.LastWriteTimeUtc > _abandoned))
            Delete(aside.FullName); // of a process that was killed while writing
        var kept = 0L;
        foreach (var entry in files.Where(f => f.Extension == Extension).OrderByDescending(f => f.LastWriteTimeUtc))
        {
            kept += entry.Length;
            if (kept > _maxBytes || now - entry.LastWriteTimeUtc > _maxAge)
                Delete(entry.FullName);
        }
    }

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
            File.Delete(Path.ChangeExtension(path, ".cu"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays, and is found damaged again next time.
        }
    }
}
