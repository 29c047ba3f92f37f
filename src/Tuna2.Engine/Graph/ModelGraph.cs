namespace Tuna2.Engine.Graph;

/// <summary>Ops in the order they run, and the values between them. Built once per kind of run, then planned.</summary>
public sealed class ModelGraph
{
    private readonly List<Op> _ops = [];
    private readonly HashSet<Value> _kept = [];
    private readonly List<(Extent Rows, Func<Batch, int> Of)> _counted = [];

    /// <summary>The ops in execution order.</summary>
    public IReadOnlyList<Op> Ops => _ops;

    /// <summary>Transient values that must still be readable after the run.</summary>
    public IReadOnlySet<Value> Kept => _kept;

    /// <summary>The state whose first word the host reads after each run of a schedule, while later ones may be under way; or null.</summary>
    public Value? Reported { get; private set; }

    /// <summary>Appends an op.</summary>
    public void Add(Op op) => _ops.Add(op);

    /// <summary>A new value that lives in the arena.</summary>
    public static Value Transient(string name, Extent rows, int columns, ValueElement element = ValueElement.Activation) =>
        new(name, rows, columns, Storage.Transient, element);

    /// <summary>The transient value of that name, or null.</summary>
    public Value? Find(string name) => _ops.SelectMany(op => op.Writes).FirstOrDefault(v => v.Storage == Storage.Transient && v.Name == name);

    /// <summary>Takes the actual rows of an extent from each run's batch; those of others are set by whoever runs the graph.</summary>
    public void Count(Extent rows, Func<Batch, int> of) => _counted.Add((rows, of));

    /// <summary>Sets the counted extents for a run.</summary>
    public void SetCounts(Batch batch)
    {
        foreach (var (rows, of) in _counted)
            rows.Value = of(batch);
    }

    /// <summary>Has a state's first word read after each run of a schedule.</summary>
    public void Report(Value value) => Reported = value;

    /// <summary>The same graph of other ops: what is kept, counted and reported stays.</summary>
    internal ModelGraph With(IEnumerable<Op> ops)
    {
        var graph = new ModelGraph { Reported = Reported };
        graph._ops.AddRange(ops);
        graph._kept.UnionWith(_kept);
        graph._counted.AddRange(_counted);
        return graph;
    }

    /// <summary>Keeps a transient value's contents until the next run: for parity and attention maps.</summary>
    public void Keep(Value value) => _kept.Add(value);
}
