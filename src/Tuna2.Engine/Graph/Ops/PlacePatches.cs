namespace Tuna2.Engine.Graph.Ops;

/// <summary>Copies the patches of every picture of the batch's <see cref="Batch.Patches"/> into the rows it names.</summary>
public sealed class PlacePatches(string name, Value patches, int perPicture, Value output) : Op(name)
{
    /// <summary>(pictures x patches, hidden), picture by picture.</summary>
    public Value Patches { get; } = patches;

    /// <summary>Patches of a picture.</summary>
    public int PerPicture { get; } = perPicture;

    /// <summary>(tokens, hidden), written in part.</summary>
    public Value Output { get; } = output;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Patches];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Output];
}
