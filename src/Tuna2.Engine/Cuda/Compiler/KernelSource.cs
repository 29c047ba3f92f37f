using System.Text.RegularExpressions;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>A source with the headers it reaches, as NVRTC takes them: from memory.</summary>
/// <param name="Name">Its file name, which errors will show.</param>
/// <param name="Text">The source.</param>
/// <param name="Headers">Every header it reaches, by name.</param>
internal sealed partial record KernelSource(string Name, string Text, IReadOnlyList<KernelHeader> Headers)
{
    /// <summary>The source of an instance, from the catalog.</summary>
    public static KernelSource Of(KernelInstance instance) =>
        KernelCatalog.Files.TryGetValue(instance.Source, out var text)
            ? Of(instance.Source, text, KernelCatalog.Files)
            : throw new DeviceException($"{instance.Name}: there is no kernels/{OneLine.Of(instance.Source)}");

    /// <summary>A source with those of <paramref name="files"/> that it includes, directly or through another.</summary>
    public static KernelSource Of(string name, string text, IReadOnlyDictionary<string, string> files)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        return new(name, Resolve(name, text), [.. headers.Select(h => new KernelHeader(h.Key, h.Value))]);

        // NVRTC knows headers by the name in the directive and tells them apart by it. Includes relative to a header's folder are
        // therefore written out from the root: one header, one name, one #pragma once. Names that are no file of ours stay, and
        // are NVRTC's to complain about: most stand in a branch that is not compiled.
        string Resolve(string includer, string content) => Include().Replace(content, directive =>
        {
            var target = directive.Groups["name"].Value;
            var folder = includer.LastIndexOf('/') is var slash and >= 0 ? includer[..(slash + 1)] : "";
            var found = files.ContainsKey(folder + target) ? folder + target : target;
            if (!files.TryGetValue(found, out var header))
                return directive.Value;
            if (headers.TryAdd(found, ""))
                headers[found] = Resolve(found, header);
            return $"#include \"{found}\"";
        });
    }

    [GeneratedRegex(@"^[ \t]*#[ \t]*include[ \t]*""(?<name>[^""\n]+)""", RegexOptions.Multiline)]
    private static partial Regex Include();
}
