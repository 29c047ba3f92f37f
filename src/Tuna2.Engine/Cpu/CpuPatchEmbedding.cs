using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="PatchEmbedding"/>: a product over gathered patches, then each patch's position on top. Positions are
/// interpolated anew for every run: sixteen multiply-adds an element beside the product's hundreds.
/// </summary>
internal static unsafe class CpuPatchEmbedding
{
    public static void Run<S, V>(PatchEmbedding op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        var places = context.Batch.Patches;
        int down = op.Height / op.Patch, across = op.Width / op.Patch, count = down * across, width = op.Weight.Rows;
        int frame = op.Height * op.Width, frames = op.Frames, all = places.Count * frames, rows = all * count;
        float* gathered = context.Rows(op.Gathered, 0, rows), output = context.Rows(op.Output, 0, rows);
        for (var i = 0; i < all; i++)
            CpuPatchify.Gather(context.Rows(op.Pictures, places[i / frames].Picture, 1) + i % frames * frame, op.Patch, op.Channels, op.Height, op.Width,
                frames * frame, gathered + (long)i * count * op.Gathered.Columns);
        CpuMatMul.Product<S, V>(context, gathered, rows, op.Gathered.Columns, op.Weight, output,
            new CpuMatMul.Epilogue(CpuContext.Vector(op.Bias), null, null, 0, context.Batch));

        var table = CpuContext.Matrix(op.Positions);
        var (precision, side) = (op.Positions.Precision, op.Side);
        CpuRows.For(context, count, 16 * width, (begin, end) =>
        {
            float* position = stackalloc float[width], row = stackalloc float[width], taken = stackalloc float[width];
            for (var patch = begin; patch < end; patch++)
            {
                int y = patch / across, x = patch % across;
                if (down == side && across == side)
                    CpuElements.Widen<S, V>(table, (long)patch * width, precision, position, width);
                else
                    Interpolate(Bicubic.Of(y, down, side), Bicubic.Of(x, across, side));
                for (var i = 0; i < all; i++)
                    Add<S, V>(output + ((long)i * count + patch) * width, position, 1, width);
            }

            void Interpolate(Bicubic vertical, Bicubic horizontal)
            {
                new Span<float>(position, width).Clear();
                for (var v = 0; v < Bicubic.Taps; v++)
                {
                    new Span<float>(row, width).Clear();
                    for (var h = 0; h < Bicubic.Taps; h++)
                    {
                        CpuElements.Widen<S, V>(table, ((long)vertical.Index(v) * side + horizontal.Index(h)) * width, precision, taken, width);
                        Add<S, V>(row, taken, horizontal.Weight(h), width);
                    }
                    Add<S, V>(position, row, vertical.Weight(v), width);
                }
            }
        });
    }

    private static void Add<S, V>(float* to, float* from, float factor, int count) where S : ISimd<V> where V : struct
    {
        var by = S.Broadcast(factor);
        var i = 0;
        for (; i <= count - S.Width; i += S.Width)
            S.Store(to + i, S.Fma(S.Load(from + i), by, S.Load(to + i)));
        for (; i < count; i++)
            to[i] = MathF.FusedMultiplyAdd(from[i], factor, to[i]);
    }
}
