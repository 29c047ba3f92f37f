using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of what moves pixels without computing: <see cref="KeepFrames"/>, <see cref="UpsampleNearest"/>,
/// <see cref="InterleaveFrames"/>, <see cref="SpaceToDepth"/>, <see cref="DepthToSpace"/>.
/// </summary>
internal static unsafe class CpuFrames
{
    public static void Run(KeepFrames op, in CpuContext context)
    {
        int pixels = op.Size.Height * op.Size.Width, keep = op.Past.Rows.Max / pixels, fresh = Math.Min(keep, op.Size.Frames);
        float* past = context.Rows(op.Past, 0, keep * pixels), input = context.Rows(op.Input, 0, op.Size.Count);
        var frame = (long)pixels * op.Input.Columns;
        // Copied from the front on, so the past's own frames move before they are overwritten.
        Copy(past + fresh * frame, past, (keep - fresh) * frame);
        Copy(input + (op.Size.Frames - fresh) * frame, past + (keep - fresh) * frame, fresh * frame);
    }

    public static void Run(UpsampleNearest op, in CpuContext context)
    {
        float* input = context.Rows(op.Input, 0, op.Size.Count), output = context.Rows(op.Output, 0, 4 * op.Size.Count);
        var (width, channels) = (op.Size.Width, op.Input.Columns);
        CpuRows.For(context, op.Size.Frames * op.Size.Height, 4 * width * channels, (begin, end) =>
        {
            for (var line = begin; line < end; line++)
            {
                float* from = input + (long)line * width * channels, to = output + (long)line * 4 * width * channels;
                for (var x = 0; x < 2 * width; x++)
                    Copy(from + (long)(x / 2) * channels, to + (long)x * channels, channels);
                Copy(to, to + (long)2 * width * channels, (long)2 * width * channels);
            }
        });
    }

    public static void Run(InterleaveFrames op, in CpuContext context)
    {
        float* input = context.Rows(op.Input, 0, op.Size.Count), output = context.Rows(op.Output, 0, 2 * op.Size.Count);
        int pixels = op.Size.Height * op.Size.Width, channels = op.Output.Columns;
        CpuRows.For(context, op.Size.Count, 2 * channels, (begin, end) =>
        {
            for (var row = begin; row < end; row++)
                for (var half = 0; half < 2; half++)
                    Copy(input + ((long)row * 2 + half) * channels, output + ((long)(row / pixels * 2 + half) * pixels + row % pixels) * channels, channels);
        });
    }

    public static void Run(SpaceToDepth op, in CpuContext context)
    {
        float* planes = context.Rows(op.Planes, 0, 1), output = context.Rows(op.Output, 0, op.Size.Count / 4);
        Blocks(op.Size, op.Output.Columns, context, (plane, pixel) => output[pixel] = planes[plane]);
    }

    public static void Run(DepthToSpace op, in CpuContext context)
    {
        float* input = context.Rows(op.Input, 0, op.Size.Count / 4), planes = context.Rows(op.Planes, 0, 1);
        Blocks(op.Size, op.Input.Columns, context, (plane, pixel) => planes[plane] = input[pixel]);
    }

    /// <summary>Tells of every element where it is among planes and where among pixels with four times the channels.</summary>
    private static void Blocks(Grid size, int columns, in CpuContext context, Action<long, long> pair)
    {
        int down = size.Height / SpaceToDepth.Side, across = size.Width / SpaceToDepth.Side, pixels = size.Frames * down * across;
        CpuRows.For(context, pixels, columns, (begin, end) =>
        {
            for (var pixel = begin; pixel < end; pixel++)
            {
                int frame = pixel / (down * across), y = pixel / across % down, x = pixel % across;
                for (var column = 0; column < columns; column++)
                {
                    int channel = column / 4, dx = column / 2 % 2, dy = column % 2;
                    pair((((long)channel * size.Frames + frame) * size.Height + 2 * y + dy) * size.Width + 2 * x + dx, (long)pixel * columns + column);
                }
            }
        });
    }

    private static void Copy(float* from, float* to, long count) => Buffer.MemoryCopy(from, to, count * sizeof(float), count * sizeof(float));
}
