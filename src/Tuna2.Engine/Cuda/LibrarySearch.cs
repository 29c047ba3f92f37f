using System.Runtime.InteropServices;

namespace Tuna2.Engine.Cuda;

/// <summary>The search for a native library: every place that was tried, in order, and which one had it.</summary>
public sealed class LibrarySearch
{
    private readonly List<LibraryCandidate> _candidates = [];

    private LibrarySearch(string library, IReadOnlyList<string> fileNames)
    {
        Library = library;
        FileNames = fileNames;
    }

    /// <summary>What was looked for: "NVRTC".</summary>
    public string Library { get; }

    /// <summary>The file names it may have, the newest first.</summary>
    public IReadOnlyList<string> FileNames { get; }

    /// <summary>Everywhere it was looked for, in order; the last one has it if <see cref="Path"/> is not null.</summary>
    public IReadOnlyList<LibraryCandidate> Candidates => _candidates;

    /// <summary>The library that was loaded, or its bare name when the system's loader chose the folder; null when there is none.</summary>
    public string? Path { get; private set; }

    /// <summary>The loaded library; 0 when there is none.</summary>
    internal nint Handle { get; private set; }

    /// <summary>What is missing and where it was looked for, in one line. Meaningful while <see cref="Path"/> is null.</summary>
    public string Failure
    {
        get
        {
            if (_candidates.FirstOrDefault(c => c.Found) is { } unusable)
                return $"{Library} cannot be used: {unusable.Path}: {unusable.Problem}";
            var places = _candidates is [{ Path: not null } only] ? $"{only.Origin} ({OneLine.Of(only.Path)})" : string.Join(", ", _candidates.Select(c => c.Origin).Distinct());
            return $"{Library} not found: no {string.Join(", ", FileNames)} in {places}";
        }
    }

    /// <summary>A function of the library that was loaded.</summary>
    internal bool TryGetExport(string name, out nint function) => NativeLibrary.TryGetExport(Handle, name, out function);

    /// <summary>Tries the places in order until a library loads and has <paramref name="export"/>, the proof that it is the right one.</summary>
    internal static LibrarySearch Run(string library, IReadOnlyList<string> fileNames, string export, IEnumerable<LibraryPlace> places)
    {
        var search = new LibrarySearch(library, fileNames);
        foreach (var place in places)
            if (search.Try(place, export))
                break;
        return search;
    }

    private bool Try(LibraryPlace place, string export)
    {
        if (place.Path is null)
        {
            foreach (var name in FileNames)
                if (NativeLibrary.TryLoad(name, out var handle))
                    return Take(place.Origin, name, handle, export);
            return Miss(place.Origin, null, found: false, "not known to it");
        }
        if (File.Exists(place.Path))
            return Load(place.Origin, place.Path, export);
        if (!Directory.Exists(place.Path))
            return Miss(place.Origin, place.Path, found: false, "no such folder");
        var file = FileNames.Select(n => System.IO.Path.Combine(place.Path, n)).FirstOrDefault(File.Exists);
        return file is null ? Miss(place.Origin, place.Path, found: false, "not in this folder") : Load(place.Origin, file, export);
    }

    private bool Load(string origin, string file, string export)
    {
        try
        {
            // A relative name would be searched for by the loader instead of opened.
            return Take(origin, file, NativeLibrary.Load(System.IO.Path.GetFullPath(file)), export);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return Miss(origin, file, found: true, OneLine.Of(e.Message.Split('\n')[0]));
        }
    }

    private bool Take(string origin, string file, nint handle, string export)
    {
        if (!NativeLibrary.TryGetExport(handle, export, out _))
        {
            NativeLibrary.Free(handle);
            return Miss(origin, file, found: true, $"has no {export}");
        }
        _candidates.Add(new(origin, file, Found: true, Problem: null));
        (Path, Handle) = (file, handle);
        return true;
    }

    private bool Miss(string origin, string? path, bool found, string problem)
    {
        _candidates.Add(new(origin, path, found, problem));
        return false;
    }
}
