using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="Conv3d"/>: a product per tap over rows of pixels, which lie at a fixed distance in the padded input, so
/// that nothing is gathered. A block of output pixels stays in the second-level cache while all taps pass over it.
/// </summary>
internal static unsafe class CpuConv3d
{
    private const int BlockK = 256;
    private const int BlockPixels = 480;
    private const int BlockColumns = 64;

    public static void Run<S, V>(Conv3d op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        Pad(op, context);
        Grid size = op.Size, to = op.OutputSize;
        var (shape, channels, columns) = (op.Shape, op.Input.Columns, op.Weight.Rows);
        int wide = size.Width + shape.Before + shape.After, high = size.Height + shape.Before + shape.After, k = shape.Taps * channels, tile = 2 * S.Width;
        var tiles = CpuTile.Count(to.Width);
        var threads = context.Threads;
        float* padded = context.At(op.Padded), output = context.Rows(op.Output, 0, to.Count), bias = CpuContext.Vector(op.Bias);
        var residual = op.Residual is null ? null : context.Rows(op.Residual, 0, to.Count);
        var epilogue = new CpuMatMul.Epilogue(bias, residual, null, 0, context.Batch);
        var matrix = CpuContext.Matrix(op.Weight);
        var precision = op.Weight.Precision;
        int zeroFrames = op.ZeroFrames, firstTap = zeroFrames * shape.Side * shape.Side;

        // An item is whole lines of the output, as many as fill a block, and some of its columns.
        int linesPerItem = Math.Max(1, BlockPixels / to.Width), lines = to.Frames * to.Height, lineItems = (lines + linesPerItem - 1) / linesPerItem;
        int blockColumns = Math.Max(tile, BlockColumns / tile * tile), columnItems = (columns + blockColumns - 1) / blockColumns;
        var scratchBytes = checked((BlockK * tile + linesPerItem * to.Width * blockColumns) * sizeof(float));
        threads.For(lineItems * columnItems, item =>
        {
            int column = item % columnItems * blockColumns, width = Math.Min(blockColumns, columns - column);
            int line = item / columnItems * linesPerItem, count = Math.Min(linesPerItem, lines - line);
            using var large = scratchBytes > CpuThreads.ScratchBytes ? new CpuBuffer(scratchBytes, "convolution scratch") : null;
            var scratch = large ?? threads.Rent();
            float* panel = (float*)scratch.Pointer, product = panel + BlockK * tile;
            for (var tap = firstTap; tap < shape.Taps; tap++)
            {
                int frame = tap / (shape.Side * shape.Side), row = tap / shape.Side % shape.Side, side = tap % shape.Side;
                for (var k0 = 0; k0 < channels; k0 += BlockK)
                {
                    var depth = Math.Min(BlockK, channels - k0);
                    for (var t = 0; t < width; t += tile)
                    {
                        CpuPanel.Pack<S, V>(matrix, precision, k, column + t, Math.Min(tile, width - t), tap * channels + k0, depth, panel);
                        for (var l = 0; l < count; l++)
                        {
                            int y = (line + l) % to.Height * shape.Stride + row, f = (line + l) / to.Height * shape.FrameStride + frame - zeroFrames;
                            var from = padded + (((long)f * high + y) * wide + side) * channels + k0;
                            var c = product + (long)l * to.Width * blockColumns + t;
                            for (var p = 0; p < tiles; p++)
                            {
                                int x = CpuTile.Begin(p, tiles, to.Width), pixels = CpuTile.Begin(p + 1, tiles, to.Width) - x;
                                CpuTile.Run<S, V>(from + (long)x * shape.Stride * channels, (nint)shape.Stride * channels, 1, pixels,
                                    panel, depth, c + (long)x * blockColumns, blockColumns, tap > firstTap || k0 > 0 ? TileSum.Add : TileSum.Replace);
                            }
                        }
                    }
                }
            }
            for (var p = 0; p < count * to.Width; p++)
                epilogue.Row<S, V>(line * to.Width + p, column, width, product + (long)p * blockColumns, output, columns);
            if (large is null)
                threads.Return(scratch);
        });
    }

    /// <summary>Past, then input, each frame within its border of zeros.</summary>
    private static void Pad(Conv3d op, in CpuContext context)
    {
        var (shape, size, channels) = (op.Shape, op.Size, op.Input.Columns);
        int wide = size.Width + shape.Before + shape.After, high = size.Height + shape.Before + shape.After, frames = op.PastFrames + size.Frames;
        float* padded = context.Rows(op.Padded, 0, frames * high * wide), input = context.Rows(op.Input, 0, size.Count);
        var past = op.Past is null ? null : context.Rows(op.Past, 0, op.PastFrames * size.Height * size.Width);
        var pastFrames = op.PastFrames;
        CpuRows.For(context, frames * high, wide * channels, (begin, end) =>
        {
            for (var line = begin; line < end; line++)
            {
                var to = padded + (long)line * wide * channels;
                int frame = line / high, y = line % high - shape.Before;
                if (y < 0 || y >= size.Height)
                {
                    new Span<float>(to, wide * channels).Clear();
                    continue;
                }
                var from = frame < pastFrames ? past + ((long)frame * size.Height + y) * size.Width * channels
                    : input + ((long)(frame - pastFrames) * size.Height + y) * size.Width * channels;
                new Span<float>(to, shape.Before * channels).Clear();
                var bytes = (long)size.Width * channels * sizeof(float);
                Buffer.MemoryCopy(from, to + shape.Before * channels, bytes, bytes);
                new Span<float>(to + (shape.Before + size.Width) * channels, shape.After * channels).Clear();
            }
        });
    }
}
