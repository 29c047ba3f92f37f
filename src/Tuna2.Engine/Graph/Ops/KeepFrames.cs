namespace Tuna2.Engine.Graph.Ops;

/// <summary>Past becomes the last frames of what it was with the input behind it: the frame cache of causal convolutions.</summary>
public sealed class KeepFrames(string name, Value input, Grid size, Value past) : Op(name)
{
    /// <summary>(frames x height x width, channels).</summary>
    public Value Input { get; } = input;

    /// <summary>The input's size.</summary>
    public Grid Size { get; } = size;

    /// <summary>(past frames x height x width, channels), updated.</summary>
    public Value Past { get; } = past;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Input, Past];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Past];
}
