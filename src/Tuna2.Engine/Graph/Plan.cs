using System.Globalization;

namespace Tuna2.Engine.Graph;

/// <summary>
/// Where every transient value of a graph lives in one arena. Values whose lifetimes do not meet share memory; a value that
/// an op may replace hands its memory over. Largest first, each at the lowest offset that is free while it lives.
/// </summary>
public sealed class Plan
{
    /// <summary>Alignment of every value: a cache line and the widest vector.</summary>
    public const int Alignment = 64;

    private readonly Dictionary<Value, long> _offsets = [];
    private readonly int _activationBytes;

    /// <summary>Plans a graph at its bounds.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="activationBytes">Bytes of an activation on the backend that will run it.</param>
    public Plan(ModelGraph graph, int activationBytes = sizeof(float))
    {
        Graph = graph;
        _activationBytes = activationBytes;
        var lifetimes = Lifetimes(graph);
        NaiveBytes = lifetimes.Sum(l => l.Members.Sum(Bytes));
        Place(lifetimes);
    }

    /// <summary>The graph this plan is for.</summary>
    public ModelGraph Graph { get; }

    /// <summary>Bytes if every value had memory of its own.</summary>
    public long NaiveBytes { get; }

    /// <summary>Bytes of the arena.</summary>
    public long PlannedBytes { get; private set; }

    /// <summary>The byte offset of a transient value in the arena.</summary>
    public long OffsetOf(Value value) => _offsets.TryGetValue(value, out var offset)
        ? offset
        : throw new InvalidOperationException($"{value} is not a transient value of this graph");

    /// <summary>"naive → planned", for logs.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Graph.Ops.Count} ops, activations {NaiveBytes / 1048576.0:F1} MiB naive → {PlannedBytes / 1048576.0:F1} MiB planned");

    private static long Align(long bytes) => checked(bytes + Alignment - 1) / Alignment * Alignment;

    private long Bytes(Value value) => Align(value.MaxBytes(_activationBytes));

    /// <summary>Values that share one piece of memory one after the other, and the ops between which it is taken.</summary>
    private sealed class Lifetime(Value first, int begin, long bytes)
    {
        public List<Value> Members { get; } = [first];
        public int Begin { get; } = begin;
        public int End { get; set; } = begin;
        public long Bytes { get; } = bytes;
        public long Offset { get; set; } = -1;
    }

    private List<Lifetime> Lifetimes(ModelGraph graph)
    {
        var lastUse = new Dictionary<Value, int>();
        for (var i = 0; i < graph.Ops.Count; i++)
            foreach (var v in graph.Ops[i].Reads.Concat(graph.Ops[i].Writes).Concat(graph.Ops[i].Scratch))
                lastUse[v] = i;
        foreach (var v in graph.Kept)
            lastUse[v] = graph.Ops.Count;

        var lifetimes = new List<Lifetime>();
        var of = new Dictionary<Value, Lifetime>();
        for (var i = 0; i < graph.Ops.Count; i++)
        {
            var op = graph.Ops[i];
            foreach (var v in op.Reads.Where(v => v.Storage == Storage.Transient && !of.ContainsKey(v)))
                throw new InvalidOperationException($"{op} reads {v.Name} before anything wrote it");

            foreach (var v in op.Writes.Concat(op.Scratch).Where(v => v.Storage == Storage.Transient && !of.ContainsKey(v)))
            {
                if (op.Replaceable is { Storage: Storage.Transient } old && op.Writes.First() == v && lastUse[old] == i && old.Columns == v.Columns && Bytes(old) >= Bytes(v))
                {
                    of[v] = of[old];
                    of[v].Members.Add(v);
                }
                else
                {
                    of[v] = new Lifetime(v, i, Bytes(v));
                    lifetimes.Add(of[v]);
                }
                of[v].End = Math.Max(of[v].End, lastUse[v]);
            }
        }
        return lifetimes;
    }

    private void Place(List<Lifetime> lifetimes)
    {
        var placed = new List<Lifetime>();
        foreach (var l in lifetimes.OrderByDescending(l => l.Bytes).ThenBy(l => l.Begin))
        {
            long offset = 0;
            foreach (var other in placed.Where(o => o.Begin <= l.End && l.Begin <= o.End).OrderBy(o => o.Offset))
            {
                if (offset + l.Bytes <= other.Offset)
                    break;
                offset = Math.Max(offset, other.Offset + other.Bytes);
            }
            l.Offset = offset;
            placed.Add(l);
            PlannedBytes = Math.Max(PlannedBytes, offset + l.Bytes);
            foreach (var v in l.Members)
                _offsets[v] = offset;
        }
    }
}
