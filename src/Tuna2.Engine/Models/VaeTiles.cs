namespace Tuna2.Engine.Models;

/// <summary>
/// The tiles the VAE takes a picture in, so that its memory is that of one tile however large the picture is. All are of one
/// size, so one plan serves them. What a tile's border and the attention of the VAE's middle see is not what they would see of
/// the whole, so the pixels are others: a picture's parameters name the tile.
/// </summary>
/// <param name="Down">The tiles of a column.</param>
/// <param name="Across">The tiles of a row.</param>
internal sealed record VaeTiles(TileAxis Down, TileAxis Across)
{
    /// <summary>The least side of a tile in latent cells: less is hardly more than seams.</summary>
    private const int LeastCells = 4;

    /// <summary>The tiles of a picture.</summary>
    /// <param name="vae">The VAE's sizes.</param>
    /// <param name="width">Columns in pixels.</param>
    /// <param name="height">Rows in pixels.</param>
    /// <param name="side">A tile's side in pixels, checked; null for one tile that is the whole.</param>
    public static VaeTiles Of(VaeConfig vae, int width, int height, int? side)
    {
        return new(Axis(height), Axis(width));

        TileAxis Axis(int pixels) => TileAxis.Of(pixels / vae.SpatialFactor, (side ?? pixels) / vae.SpatialFactor);
    }

    /// <summary>A tile's side that was asked for; null where it is none, or the picture no larger: then there is one, and nothing is to be noted.</summary>
    /// <exception cref="RequestException">The model has no VAE, or the side is out of range.</exception>
    public static int? Side(int? asked, int width, int height, ModelConfig config)
    {
        if (asked is not { } side)
            return null;
        if (config.Vae is not { } vae)
            throw new RequestException($"variant {config.Variant.Name()} has no VAE to take in tiles: leave the VAE tile out");
        var least = LeastCells * vae.SpatialFactor;
        if (side < least || side > ImageRequest.MaxSide || side % vae.SpatialFactor != 0)
            throw new RequestException($"the VAE tile must be a multiple of {vae.SpatialFactor} from {least} to {ImageRequest.MaxSide} pixels, not {side}");
        return side >= width && side >= height ? null : side;
    }

    /// <summary>One tile is all there is.</summary>
    public bool IsWhole => Down.Count == 1 && Across.Count == 1;

    /// <summary>Every tile, row by row: the order <see cref="TileBlend"/> takes them in.</summary>
    public IEnumerable<(int Row, int Column)> All =>
        from row in Enumerable.Range(0, Down.Count)
        from column in Enumerable.Range(0, Across.Count)
        select (row, column);

    /// <summary>The same, counted in pixels or cells.</summary>
    public VaeTiles In(int unit) => new(Down with { Unit = unit }, Across with { Unit = unit });

    /// <summary>What a tile covers of planes.</summary>
    /// <param name="planes">(planes, height, width) of the whole.</param>
    /// <param name="row">Which tile from the top.</param>
    /// <param name="column">Which from the left.</param>
    /// <returns>(planes, rows of a tile, columns of a tile).</returns>
    public float[] Cut(ReadOnlySpan<float> planes, int row, int column)
    {
        int height = Down.Length * Down.Unit, width = Across.Length * Across.Unit, lines = planes.Length / width, wide = Across.TileUnits;
        var cut = new float[lines / height * Down.TileUnits * wide];
        for (int line = 0, to = 0; line < lines; line++)
            if (line % height - Down.Origin(row) is var y && y >= 0 && y < Down.TileUnits)
            {
                planes.Slice(line * width + Across.Origin(column), wide).CopyTo(cut.AsSpan(to));
                to += wide;
            }
        return cut;
    }
}
