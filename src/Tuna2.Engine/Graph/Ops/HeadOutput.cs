namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// The flow head's output rows, and which pixels their values are. In raster layout (the released models) token i's values
/// are consecutive pixels of the flattened picture, channel fastest: value 3q + c is channel c of pixel 256 i + q. In patch
/// layout they are the token's own block, (y, x, channel) (MODEL.md 3.7).
/// </summary>
/// <param name="Rows">(tokens, patch x patch x channels).</param>
/// <param name="Channels">Colour planes.</param>
/// <param name="Height">Rows of the picture in pixels.</param>
/// <param name="Width">Columns of the picture in pixels.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
/// <param name="Raster">Raster order, as released; false for the blocks' own order.</param>
public sealed record HeadOutput(Value Rows, int Channels, int Height, int Width, int Patch, bool Raster)
{
    /// <summary>Tokens of a picture.</summary>
    public int Tokens => Height / Patch * (Width / Patch);

    /// <summary>Pixels of a token.</summary>
    public int Area => Patch * Patch;

    /// <summary>The pixel of the flattened picture that value <paramref name="q"/> (without its channel) of a token is.</summary>
    public int Pixel(int token, int q)
    {
        if (Raster)
            return token * Area + q;
        var across = Width / Patch;
        return (token / across * Patch + q / Patch) * Width + token % across * Patch + q % Patch;
    }
}
