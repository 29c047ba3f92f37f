namespace Tuna2.Engine.Graph.Ops;

/// <summary>
/// The flow head's output rows, and which pixels their values are. In raster layout (the released models) token i's values
/// are consecutive pixels of the flattened picture, channel fastest: value 3q + c is channel c of pixel 256 i + q. In patch
/// layout they are the token's own block, (y, x, channel) (MODEL.md 3.7). A clip's frames follow each other, in the tokens as in
/// the planes.
/// </summary>
/// <param name="Rows">(tokens, patch x patch x channels).</param>
/// <param name="Channels">Planes: colours, or a latent's channels.</param>
/// <param name="Height">Rows of the picture in pixels, or in a latent's cells.</param>
/// <param name="Width">Columns, likewise.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
/// <param name="Raster">Raster order, as released; false for the blocks' own order.</param>
/// <param name="Frames">Frames of a clip; a picture is one.</param>
public sealed record HeadOutput(Value Rows, int Channels, int Height, int Width, int Patch, bool Raster, int Frames = 1)
{
    /// <summary>Tokens of a picture or clip.</summary>
    public int Tokens => Frames * (Height / Patch) * (Width / Patch);

    /// <summary>Pixels of a plane, all frames.</summary>
    public int Plane => Frames * Height * Width;

    /// <summary>Pixels of a token.</summary>
    public int Area => Patch * Patch;

    /// <summary>The pixel of the flattened picture that value <paramref name="q"/> (without its channel) of a token is.</summary>
    public int Pixel(int token, int q)
    {
        if (Raster)
            return token * Area + q;
        // Frames are whole rows of patches, so a clip's plane is one tall picture.
        var across = Width / Patch;
        return (token / across * Patch + q / Patch) * Width + token % across * Patch + q % Patch;
    }
}
