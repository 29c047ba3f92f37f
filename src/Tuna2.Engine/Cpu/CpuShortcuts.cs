using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="AverageDown"/> and <see cref="DuplicateUp"/>.</summary>
internal static unsafe class CpuShortcuts
{
    public static void Run(AverageDown op, in CpuContext context)
    {
        var (size, frames, side, group, channels, columns) = (op.Size, op.Frames, op.Side, op.Group, op.Input.Columns, op.Output.Columns);
        int missing = (frames - size.Frames % frames) % frames, height = size.Height / side, width = size.Width / side, count = (size.Frames + missing) / frames * height * width;
        float* input = context.Rows(op.Input, 0, size.Count), main = context.Rows(op.Main, 0, count), output = context.Rows(op.Output, 0, count);
        CpuRows.For(context, count, channels * frames * side * side, (begin, end) =>
        {
            for (var pixel = begin; pixel < end; pixel++)
            {
                int t = pixel / (height * width) * frames - missing, y = pixel / width % height * side, x = pixel % width * side;
                for (var column = 0; column < columns; column++)
                {
                    var sum = 0f;
                    for (var e = column * group; e < (column + 1) * group; e++)
                    {
                        int dx = e % side, dy = e / side % side, dt = e / (side * side) % frames, channel = e / (side * side * frames);
                        if (t + dt >= 0)
                            sum += input[(((long)(t + dt) * size.Height + y + dy) * size.Width + x + dx) * channels + channel];
                    }
                    output[(long)pixel * columns + column] = main[(long)pixel * columns + column] + sum / group;
                }
            }
        });
    }

    public static void Run(DuplicateUp op, in CpuContext context)
    {
        var (size, frames, side, repeats, channels, columns) = (op.Size, op.Frames, op.Side, op.Repeats, op.Input.Columns, op.Output.Columns);
        int height = size.Height * side, width = size.Width * side, count = (size.Frames * frames - op.Dropped) * height * width, dropped = op.Dropped;
        float* input = context.Rows(op.Input, 0, size.Count), main = context.Rows(op.Main, 0, count), output = context.Rows(op.Output, 0, count);
        CpuRows.For(context, count, columns, (begin, end) =>
        {
            for (var pixel = begin; pixel < end; pixel++)
            {
                int t = pixel / (height * width) + dropped, y = pixel / width % height, x = pixel % width;
                var from = input + (((long)(t / frames) * size.Height + y / side) * size.Width + x / side) * channels;
                // Element e of the repeated channels is channel e / repeats; e grows by the same step from column to column.
                var (channel, rest) = Math.DivRem((t % frames * side + y % side) * side + x % side, repeats);
                float* more = main + (long)pixel * columns, to = output + (long)pixel * columns;
                for (var column = 0; column < columns; column++)
                {
                    to[column] = more[column] + from[channel];
                    for (rest += frames * side * side; rest >= repeats; rest -= repeats)
                        channel++;
                }
            }
        });
    }
}
