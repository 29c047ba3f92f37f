using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="Unpatchify"/>.</summary>
internal static unsafe class CpuUnpatchify
{
    public static void Run(Unpatchify op, in CpuContext context)
    {
        int plane = op.Height * op.Width, area = op.Patch * op.Patch, across = op.Width / op.Patch;
        foreach (var place in context.Batch.Predictions)
        {
            var picture = context.Rows(op.Predictions, place.Prediction, 1);
            var tokens = context.Rows(op.Input, place.FirstRow, plane / area);
            for (var token = 0; token < plane / area; token++)
                for (var q = 0; q < area; q++)
                {
                    var pixel = op.Raster
                        ? token * area + q
                        : (token / across * op.Patch + q / op.Patch) * op.Width + token % across * op.Patch + q % op.Patch;
                    for (var c = 0; c < op.Channels; c++)
                        picture[(long)c * plane + pixel] = *tokens++;
                }
        }
    }
}
