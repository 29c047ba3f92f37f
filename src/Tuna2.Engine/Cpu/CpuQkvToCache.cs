using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="QkvToCache"/>.</summary>
internal static unsafe class CpuQkvToCache
{
    public static void Run<S, V>(QkvToCache op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        float* qkv = context.At(op.Qkv), keys = context.At(op.Keys), values = context.At(op.Values);
        var queryNorm = op.QueryNorm is null ? null : CpuContext.Vector(op.QueryNorm);
        var keyNorm = op.KeyNorm is null ? null : CpuContext.Vector(op.KeyNorm);
        var shape = op.Shape;
        foreach (var sequence in context.Sequences(op.Picture, op.Qkv, op.Keys))
        {
            CpuRows.For(context, sequence.QLen, shape.QkvColumns, (begin, end) =>
            {
                float* cos = stackalloc float[shape.HeadDim / 2], sin = stackalloc float[shape.HeadDim / 2];
                for (var row = begin; row < end; row++)
                {
                    var rotation = CpuRotary.Angles(op.Rotary, sequence, row, cos, sin);
                    var q = qkv + (long)(sequence.QBegin + row) * shape.QkvColumns;
                    var place = (long)(sequence.KvBase + sequence.PrefixLen + row) * shape.KvColumns;
                    for (var h = 0; h < shape.Heads; h++)
                        Head<S, V>(q + h * shape.HeadDim, queryNorm, op.NormEpsilon, rotation, cos, sin, q + h * shape.HeadDim, shape.HeadDim);
                    var k = q + shape.QueryColumns;
                    for (var h = 0; h < shape.KvHeads; h++)
                        Head<S, V>(k + h * shape.HeadDim, keyNorm, op.NormEpsilon, rotation, cos, sin, keys + place + h * shape.HeadDim, shape.HeadDim);
                    var bytes = (long)shape.KvColumns * sizeof(float);
                    Buffer.MemoryCopy(k + shape.KvColumns, values + place, bytes, bytes);
                }
            });
        }
    }

    private static void Head<S, V>(float* x, float* norm, float epsilon, CpuRotary.Pairs pairs, float* cos, float* sin, float* y, int dim)
        where S : ISimd<V> where V : struct
    {
        if (norm is not null)
        {
            CpuRmsNorm.Row<S, V>(x, norm, epsilon, y, dim);
            x = y;
        }
        CpuRotary.Rotate(x, pairs, cos, sin, y, dim);
    }
}
