using System.Globalization;
using System.Text.RegularExpressions;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>What a compiled kernel takes of the GPU, as the assembler reports it.</summary>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="SharedBytes">Static shared memory of a block; what a launch adds is not in it.</param>
/// <param name="StackBytes">Stack of a thread: local arrays that did not fit registers.</param>
/// <param name="SpillStores">Bytes a thread writes because registers ran out.</param>
/// <param name="SpillLoads">Bytes a thread reads back of those.</param>
/// <param name="ConstantBytes">Constant memory, the argument included. Recent assemblers do not report it: 0.</param>
public sealed partial record KernelResources(int Registers, int SharedBytes, int StackBytes, int SpillStores, int SpillLoads, int ConstantBytes)
{
    /// <summary>Reads the log of --ptxas-options=-v; null when it holds no such report. Functions that were not inlined count too.</summary>
    internal static KernelResources? FromLog(string log)
    {
        var used = Used().Matches(log);
        var frames = Frame().Matches(log);
        return used.Count == 0 || frames.Count == 0
            ? null
            : new(
                used.Max(m => Number(m, "registers")),
                used.Max(m => Shared().Matches(m.Value).Sum(s => Number(s, "bytes"))),
                frames.Sum(m => Number(m, "stack")),
                frames.Sum(m => Number(m, "stores")),
                frames.Sum(m => Number(m, "loads")),
                used.Max(m => Constant().Matches(m.Value).Sum(c => Number(c, "bytes"))));
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Used (?<registers>\d+) registers[^\n]*")]
    private static partial Regex Used();

    [GeneratedRegex(@"(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads")]
    private static partial Regex Frame();

    [GeneratedRegex(@"(?<bytes>\d+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"(?<bytes>\d+) bytes cmem")]
    private static partial Regex Constant();
}
