using NUnit.Framework;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Tests.Models;

/// <summary>Where tiles lie and how they are joined, over every side up to a bound and every tile that could be asked for.</summary>
public class TileBlendTests
{
    private const int MostCells = 40;

    private static IEnumerable<TileAxis> Axes() =>
        from length in Enumerable.Range(1, MostCells)
        from tile in Enumerable.Range(4, MostCells)
        select TileAxis.Of(length, tile);

    [Test]
    public void Tiles_cover_a_side_and_seams_never_meet()
    {
        foreach (var cells in Axes())
            foreach (var axis in new[] { cells, cells with { Unit = 16 } })
            {
                var length = axis.Length * axis.Unit;
                Assert.That((axis.Begin(0), axis.End(axis.Count - 1), axis.Done(axis.Count - 1)), Is.EqualTo((0, length, length)), $"{axis}");
                Assert.That(axis.TileUnits, Is.LessThanOrEqualTo(length));
                for (var i = 0; i < axis.Count; i++)
                {
                    var (origin, begin, done, end) = (axis.Origin(i), axis.Begin(i), axis.Done(i), axis.End(i));
                    Assert.That(origin >= 0 && origin <= begin && begin < done && done <= end && end <= origin + axis.TileUnits && origin + axis.TileUnits <= length, $"tile {i} of {axis}");
                    if (i == axis.Count - 1)
                        continue;
                    Assert.That((end - done, axis.Begin(i + 1)), Is.EqualTo((axis.SeamUnits, done)), $"both tiles have the seam after tile {i} of {axis}");
                    Assert.That(done, Is.GreaterThanOrEqualTo(begin + (i == 0 ? 0 : axis.SeamUnits)), $"seams around tile {i} of {axis}");
                    // What both cover is left over evenly: no side is nearer to its border than a cell.
                    Assert.That(Math.Abs(done - axis.Origin(i + 1) - (origin + axis.TileUnits - end)), Is.LessThanOrEqualTo(axis.Unit), $"the seam after tile {i} of {axis}");
                }
            }
    }

    [Test]
    public void A_tile_no_shorter_than_the_side_is_the_side_and_tiles_are_no_more_than_needed()
    {
        foreach (var axis in Axes())
        {
            Assert.That(axis.Count == 1, Is.EqualTo(axis.Tile == axis.Length), $"{axis}");
            if (axis.Count > 1)
                Assert.That((axis.Count - 1) * axis.Tile - (axis.Count - 2) * axis.Overlap, Is.LessThan(axis.Length), $"{axis}: one less would not do");
        }
    }

    /// <summary>Each tile 1 where the others are 0: its weight everywhere. Together they are 1, and none counts where it does not reach.</summary>
    [Test]
    public void Weights_sum_to_one_everywhere([Values(4, 5, 7, 16)] int tile, [Values(1, 5)] int unit)
    {
        for (var length = 1; length <= 23; length++)
        {
            TileAxis down = TileAxis.Of(length, tile) with { Unit = unit }, across = TileAxis.Of(MostCells - length, tile) with { Unit = unit };
            int height = down.Length * unit, width = across.Length * unit;
            var sum = new double[height * width];
            foreach (var (row, column) in new VaeTiles(down, across).All)
            {
                var weights = Blend(down, across, (r, c, _, _) => r == row && c == column ? 1 : 0);
                for (var y = 0; y < height; y++)
                    for (var x = 0; x < width; x++)
                    {
                        var (weight, inside) = (weights[y * width + x], y >= down.Begin(row) && y < down.End(row) && x >= across.Begin(column) && x < across.End(column));
                        Assert.That(inside ? weight is > 0 and <= 1 : weight == 0, $"tile {row}, {column} weighs {weight} at {y}, {x}");
                        sum[y * width + x] += weight;
                    }
            }
            Assert.That(sum, Is.All.EqualTo(1).Within(1e-6), $"{length} cells in tiles of {tile}");
        }
    }

    /// <summary>Tiles that agree where they overlap: what comes out is what they agree on, each value where it belongs, once.</summary>
    [Test]
    public void Tiles_that_agree_are_the_picture([Values(1, 9, 13, 31)] int height, [Values(3, 17, 32)] int width)
    {
        TileAxis down = TileAxis.Of(height, 8) with { Unit = 2 }, across = TileAxis.Of(width, 8) with { Unit = 2 };
        var expected = Enumerable.Range(0, 4 * height * width).Select(i => (float)i).ToArray();
        var actual = Blend(down, across, (row, column, y, x) => expected[(down.Origin(row) + y) * 2 * width + across.Origin(column) + x]);
        Assert.That(actual, Is.EqualTo(expected), "a + (b - a) s is a where b is");
    }

    [Test]
    public void A_constant_stays_what_it_is()
    {
        var axis = TileAxis.Of(37, 8) with { Unit = 16 };
        Assert.That(Blend(axis, TileAxis.Of(5, 8) with { Unit = 16 }, (_, _, _, _) => 0.1f), Is.All.EqualTo(0.1f));
    }

    [Test]
    public void Frames_and_channels_do_not_mix_and_seams_are_what_is_remembered()
    {
        TileAxis down = TileAxis.Of(9, 4), across = TileAxis.Of(10, 4);
        var (channels, frames) = (3, 5);
        var seen = new float[frames, channels, 9, 10];
        var blend = new TileBlend(down, across, channels, (frame, top, left, width, planes) =>
        {
            for (var i = 0; i < planes.Length; i++)
                seen[frame, i / (planes.Length / channels), top + i / width % (planes.Length / channels / width), left + i % width] += planes[i];
        });
        foreach (var (row, column) in new VaeTiles(down, across).All)
            foreach (var (first, count) in new[] { (0, 1), (1, 4) })
                blend.Add(row, column, first, count, [.. from c in Enumerable.Range(0, channels) from f in Enumerable.Range(first, count) from _ in Enumerable.Range(0, 16) select 10f * f + c + 1]);
        for (var f = 0; f < frames; f++)
            for (var c = 0; c < channels; c++)
                for (var cell = 0; cell < 90; cell++)
                    Assert.That(seen[f, c, cell / 10, cell % 10], Is.EqualTo(10f * f + c + 1));
        Assert.That(TileBlend.SeamBytes(down, across, channels), Is.EqualTo(4 * 3 * (1 * 10 + 4 * 1)));
    }

    /// <summary>One frame of one channel, put together from tiles of given values.</summary>
    private static float[] Blend(TileAxis down, TileAxis across, Func<int, int, int, int, float> value)
    {
        int pictureWidth = across.Length * across.Unit;
        float[] picture = new float[down.Length * down.Unit * pictureWidth], tile = new float[down.TileUnits * across.TileUnits];
        var counted = 0;
        var blend = new TileBlend(down, across, 1, (_, top, left, width, planes) =>
        {
            counted += planes.Length;
            for (var i = 0; i < planes.Length; i++)
                picture[(top + i / width) * pictureWidth + left + i % width] = planes[i];
        });
        foreach (var (row, column) in new VaeTiles(down, across).All)
        {
            for (var i = 0; i < tile.Length; i++)
                tile[i] = value(row, column, i / across.TileUnits, i % across.TileUnits);
            blend.Add(row, column, 0, 1, tile);
        }
        Assert.That(counted, Is.EqualTo(picture.Length), "every value is handed over once");
        return picture;
    }
}
