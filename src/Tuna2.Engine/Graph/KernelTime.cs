namespace Tuna2.Engine.Graph;

/// <summary>What launches of one kernel, or ops of one kind, took in a run.</summary>
/// <param name="Name">The kernel or the op: "rms_norm_bf16", "MatMul".</param>
/// <param name="Count">How many.</param>
/// <param name="Seconds">All of them together.</param>
/// <param name="Bytes">Bytes they had to move at least; 0 where nobody counted.</param>
/// <param name="Flops">Floating-point operations they had to do at least; 0 where nobody counted.</param>
public sealed record KernelTime(string Name, int Count, double Seconds, long Bytes, long Flops)
{
    /// <summary>Kernels of one name put together, the longest first.</summary>
    internal static IReadOnlyList<KernelTime> Sum(IEnumerable<KernelTime> times) =>
    [
        .. times.GroupBy(t => t.Name)
            .Select(of => new KernelTime(of.Key, of.Sum(t => t.Count), of.Sum(t => t.Seconds), of.Sum(t => t.Bytes), of.Sum(t => t.Flops)))
            .OrderByDescending(t => t.Seconds),
    ];
}
