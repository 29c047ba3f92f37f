using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="EmbeddingGather"/>: one widening copy per text row.</summary>
internal static unsafe class CpuEmbeddingGather
{
    public static void Run<S, V>(EmbeddingGather op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        var table = CpuContext.Matrix(op.Table);
        var width = op.Table.Columns;
        var tokens = context.Batch.Tokens;
        var left = op.Tokens is null ? null : (int*)context.Rows(op.Tokens, 0, tokens.Count);
        var output = context.Rows(op.Output, 0, tokens.Count);
        for (var row = 0; row < tokens.Count; row++)
        {
            var token = left is null ? tokens[row] : left[row];
            if (token == -1)
                continue;
            if ((uint)token >= (uint)op.Table.Rows)
                throw new RequestException($"token id {token} is not in the model's vocabulary of {op.Table.Rows}");
            CpuElements.Widen<S, V>(table, (long)token * width, op.Table.Precision, output + (long)row * width, width);
        }
    }
}
