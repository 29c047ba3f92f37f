namespace Tuna2.Engine.Graph;

/// <summary>
/// One step of a graph: what it computes is its type, what it needs is declared. The planner and every backend know an op by
/// its <see cref="Reads"/>, <see cref="Writes"/> and <see cref="Scratch"/> alone.
/// </summary>
/// <param name="name">Where in the model it stands, in checkpoint terms: "tuna.model.layers.3.mlp.down_proj".</param>
public abstract class Op(string name)
{
    /// <summary>Where in the model it stands, in checkpoint terms.</summary>
    public string Name { get; } = name;

    /// <summary>Values whose contents it uses.</summary>
    public abstract IEnumerable<Value> Reads { get; }

    /// <summary>Values it fills, wholly or in part. A value it updates in place is in both lists.</summary>
    public abstract IEnumerable<Value> Writes { get; }

    /// <summary>Memory it needs while it runs and nobody sees afterwards.</summary>
    public virtual IEnumerable<Value> Scratch => [];

    /// <summary>
    /// An input that <see cref="Writes"/> may take the place of when nobody reads it later: row r of the output is made from
    /// row r of it and of nothing else that shares its memory.
    /// </summary>
    public virtual Value? Replaceable => null;

    /// <inheritdoc/>
    public override string ToString() => $"{GetType().Name} {Name}";
}
