namespace Tuna2.Engine.Models;

/// <summary>
/// Puts tiles together into planes, on the host: what a seam costs is nothing beside what computed it, and pixels leave the
/// device anyway. Tiles come row by row, each with all its frames before the next. A tile is joined to the one before it, then
/// the whole width of it to the row above; what is done is handed over at once, and only seams are remembered. A value is
/// a + (b - a) share in both directions, in an order that is always the same, and a constant stays what it is.
/// </summary>
/// <param name="down">The tiles of a column.</param>
/// <param name="across">The tiles of a row.</param>
/// <param name="channels">Planes of a frame.</param>
/// <param name="finished">Given what is done.</param>
internal sealed class TileBlend(TileAxis down, TileAxis across, int channels, TileBlend.Finished finished)
{
    private readonly Dictionary<int, float[]> _beside = [], _above = [];
    private float[] _joined = [];

    /// <summary>Takes a part of a frame that is done.</summary>
    /// <param name="frame">Which frame.</param>
    /// <param name="top">Its first row.</param>
    /// <param name="left">Its first column.</param>
    /// <param name="width">Columns.</param>
    /// <param name="planes">(channels, rows, width).</param>
    public delegate void Finished(int frame, int top, int left, int width, ReadOnlySpan<float> planes);

    /// <summary>Bytes that are remembered of a frame.</summary>
    public static long SeamBytes(TileAxis down, TileAxis across, int channels) =>
        sizeof(float) * (long)channels * (down.SeamUnits * across.Length * across.Unit + down.TileUnits * across.SeamUnits);

    /// <summary>Adds frames of a tile.</summary>
    /// <param name="row">Which tile from the top.</param>
    /// <param name="column">Which from the left.</param>
    /// <param name="first">The first of the frames.</param>
    /// <param name="frames">How many.</param>
    /// <param name="planes">(channels, frames, rows of a tile, columns of a tile).</param>
    public void Add(int row, int column, int first, int frames, ReadOnlySpan<float> planes)
    {
        for (var frame = 0; frame < frames; frame++)
            Add(row, column, first + frame, planes, frames, frame);
    }

    private void Add(int row, int column, int frame, ReadOnlySpan<float> planes, int frames, int at)
    {
        int top = down.Begin(row), bottom = down.End(row), left = across.Begin(column), right = across.Done(column);
        int width = right - left, height = bottom - top, seam = across.SeamUnits;
        if (_joined.Length < channels * height * width)
            _joined = new float[channels * height * width];

        // To the tile before it: its seam is used up before this tile's own takes its place.
        var beside = column == 0 && across.Count == 1 ? [] : Seam(_beside, frame, channels * down.TileUnits * seam);
        for (var c = 0; c < channels; c++)
            for (var y = top; y < bottom; y++)
            {
                var line = planes.Slice((((c * frames + at) * down.TileUnits) + y - down.Origin(row)) * across.TileUnits, across.TileUnits)[(left - across.Origin(column))..];
                var joined = _joined.AsSpan((c * height + y - top) * width, width);
                line[..width].CopyTo(joined);
                var waiting = across.Count == 1 ? [] : beside.AsSpan((c * down.TileUnits + y - top) * seam, seam);
                if (column > 0)
                    for (var x = 0; x < seam; x++)
                        joined[x] = waiting[x] + (line[x] - waiting[x]) * across.Share(x);
                if (column < across.Count - 1)
                    line.Slice(width, seam).CopyTo(waiting);
            }

        // To the row above, likewise.
        var done = down.Done(row) - top;
        if (down.Count > 1)
        {
            int whole = across.Length * across.Unit, rows = down.SeamUnits;
            var above = Seam(_above, frame, channels * rows * whole);
            for (var c = 0; c < channels; c++)
                for (var y = 0; y < rows; y++)
                {
                    var waiting = above.AsSpan((c * rows + y) * whole + left, width);
                    if (row > 0)
                    {
                        var joined = _joined.AsSpan((c * height + y) * width, width);
                        var share = down.Share(y);
                        for (var x = 0; x < width; x++)
                            joined[x] = waiting[x] + (joined[x] - waiting[x]) * share;
                    }
                    if (row < down.Count - 1)
                        _joined.AsSpan((c * height + done + y) * width, width).CopyTo(waiting);
                }
            // The planes of what is done, close together.
            for (var c = 1; c < channels && done < height; c++)
                _joined.AsSpan(c * height * width, done * width).CopyTo(_joined.AsSpan(c * done * width));
        }
        finished(frame, top, left, width, _joined.AsSpan(0, channels * done * width));
    }

    private static float[] Seam(Dictionary<int, float[]> of, int frame, int length)
    {
        if (!of.TryGetValue(frame, out var seam))
            of[frame] = seam = new float[length];
        return seam;
    }
}
