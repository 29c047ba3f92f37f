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
        float* pictures = context.At(op.Pictures), gathered = context.At(op.Gathered), features = context.At(op.Features);
        float* output = context.At(op.Output), norm = CpuContext.Vector(op.Norm);
        int count = op.PatchCount, width = op.Weight.Rows;
        var places = context.Batch.Patches;
        for (var i = 0; i < places.Count; i++)
            Gather(op, pictures + (long)places[i].Picture * op.Pictures.Columns, gathered + (long)i * count * op.Gathered.Columns);

        var rows = places.Count * count;
        CpuMatMul.Product<S, V>(context, gathered, rows, op.Gathered.Columns, op.Weight, features,
            new CpuMatMul.Epilogue(CpuContext.Vector(op.Bias), null, null, 0, context.Batch));
        for (var row = 0; row < rows; row++)
        {
            var place = output + (long)(places[row / count].FirstRow + row % count) * width;
            CpuRmsNorm.Row<S, V>(features + (long)row * width, norm, op.Epsilon, place, width);
        }
    }

    private static void Gather(Patchify op, float* picture, float* gathered)
    {
        var patch = op.Patch;
        var across = op.Width / patch;
        for (var p = 0; p < op.PatchCount; p++)
            for (var c = 0; c < op.Channels; c++)
                for (var y = 0; y < patch; y++)
                {
                    var source = picture + ((long)c * op.Height + p / across * patch + y) * op.Width + p % across * patch;
                    Buffer.MemoryCopy(source, gathered, patch * sizeof(float), patch * sizeof(float));
                    gathered += patch;
                }
    }
}
