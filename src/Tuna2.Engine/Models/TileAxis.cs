namespace Tuna2.Engine.Models;

/// <summary>
/// One side of a picture covered with tiles of one length that overlap. They are spread evenly, so that the last ends where the
/// picture does. Where two of them meet, one gives way to the other over a seam of fixed width in the middle of what both
/// cover: as far as can be from their borders, where a tile saw zeros in place of its neighbours. Seams never meet, so no
/// more than two tiles count anywhere.
/// </summary>
/// <param name="Length">The side, in latent cells.</param>
/// <param name="Tile">A tile's, in latent cells.</param>
/// <param name="Overlap">Width of a seam in latent cells; neighbours share that much or more.</param>
/// <param name="Count">How many tiles.</param>
/// <param name="Unit">What a latent cell is here: 1 among latents, the VAE's factor among pixels. All positions count in it.</param>
internal sealed record TileAxis(int Length, int Tile, int Overlap, int Count, int Unit = 1)
{
    /// <summary>Neighbours share a quarter of a tile, as diffusers has it (256 pixels, 192 apart).</summary>
    private const int OverlapShare = 4;

    /// <summary>Covers a side of <paramref name="length"/> cells with tiles of <paramref name="tile"/>; one that is shorter is its own tile.</summary>
    public static TileAxis Of(int length, int tile)
    {
        if (tile >= length)
            return new(length, length, 0, 1);
        int overlap = Math.Max(1, tile / OverlapShare), stride = tile - overlap;
        return new(length, tile, overlap, 1 + (length - tile + stride - 1) / stride);
    }

    /// <summary>Cells or pixels of a tile.</summary>
    public int TileUnits => Tile * Unit;

    /// <summary>Cells or pixels of a seam.</summary>
    public int SeamUnits => Overlap * Unit;

    /// <summary>Where a tile begins.</summary>
    public int Origin(int tile) => OriginCells(tile) * Unit;

    /// <summary>From where on a tile counts.</summary>
    public int Begin(int tile) => tile == 0 ? 0 : Seam(tile - 1);

    /// <summary>Up to where a tile counts.</summary>
    public int End(int tile) => tile == Count - 1 ? Length * Unit : Seam(tile) + SeamUnits;

    /// <summary>Up to where the picture is done when a tile is: its seam waits for the next one.</summary>
    public int Done(int tile) => tile == Count - 1 ? Length * Unit : Seam(tile);

    /// <summary>The next tile's share of the <paramref name="step"/>th cell or pixel of a seam: it grows evenly, and never is 0 or 1.</summary>
    public float Share(int step) => (step + 0.5f) / SeamUnits;

    private int OriginCells(int tile) => Count == 1 ? 0 : (int)((long)tile * (Length - Tile) / (Count - 1));

    /// <summary>Where a tile begins to give way to the next.</summary>
    private int Seam(int tile)
    {
        int begin = OriginCells(tile + 1), shared = OriginCells(tile) + Tile - begin;
        return (begin + (shared - Overlap) / 2) * Unit;
    }
}
