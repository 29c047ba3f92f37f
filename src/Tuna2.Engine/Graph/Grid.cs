namespace Tuna2.Engine.Graph;

/// <summary>The patches of a picture or clip: frames outermost, then rows, then columns.</summary>
public readonly record struct Grid(int Frames, int Height, int Width)
{
    /// <summary>How many patches.</summary>
    public int Count => Frames * Height * Width;
}
