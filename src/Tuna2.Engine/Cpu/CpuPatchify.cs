using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="Patchify"/>: kernel = stride makes the convolution a product over gathered patches; then each row is
/// normalised into its place.
/// </summary>
internal static unsafe class CpuPatchify
{
    public static void Run<S, V>(Patchify op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        int count = op.PatchCount, width = op.Weight.Rows;
        var places = context.Batch.Patches;
        float* gathered = context.Rows(op.Gathered, 0, places.Count * count), features = context.At(op.Features), norm = CpuContext.Vector(op.Norm);
        for (var i = 0; i < places.Count; i++)
            Gather(context.Rows(op.Pictures, places[i].Picture, 1), op.Patch, op.Channels, op.Height, op.Width, op.Height * op.Width, gathered + (long)i * count * op.Gathered.Columns);

        var rows = places.Count * count;
        CpuMatMul.Product<S, V>(context, gathered, rows, op.Gathered.Columns, op.Weight, features,
            new CpuMatMul.Epilogue(CpuContext.Vector(op.Bias), null, null, 0, context.Batch));
        foreach (var place in places)
        {
            var output = context.Rows(op.Output, place.FirstRow, count);
            for (var row = 0; row < count; row++, features += width, output += width)
                CpuRmsNorm.Row<S, V>(features, norm, op.Epsilon, output, width);
        }
    }

    /// <summary>The patches of a planar picture, one row (channel, y, x) each; its planes are <paramref name="plane"/> values apart.</summary>
    public static void Gather(float* picture, int patch, int channels, int height, int width, int plane, float* gathered)
    {
        int across = width / patch, count = height / patch * across;
        for (var p = 0; p < count; p++)
            for (var c = 0; c < channels; c++)
                for (var y = 0; y < patch; y++)
                {
                    var source = picture + (long)c * plane + (long)(p / across * patch + y) * width + p % across * patch;
                    Buffer.MemoryCopy(source, gathered, patch * sizeof(float), patch * sizeof(float));
                    gathered += patch;
                }
    }
}
