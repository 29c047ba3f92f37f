using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>CPU side of <see cref="VelocityStep"/>.</summary>
internal static unsafe class CpuVelocityStep
{
    public static void Run(VelocityStep op, in CpuContext context)
    {
        if (op.Predictions is { } predictions)
            foreach (var place in context.Batch.Predictions)
                Unpatchify(op.Head, context.Rows(op.Head.Rows, place.FirstRow, op.Head.Tokens), context.Rows(predictions, place.Prediction, 1));

        foreach (var step in context.Batch.Steps)
            Step(op, context, step);
    }

    private static void Step(VelocityStep op, in CpuContext context, PictureStep step)
    {
        var p = step.Numbers;
        var head = op.Head;
        var (guidance, phase, delta) = (p.Guidance, p.Phase, p.Delta);
        var conditional = context.Rows(head.Rows, step.Conditional, head.Tokens);
        var unconditional = guidance == 1 ? conditional : context.Rows(head.Rows, step.Unconditional, head.Tokens);
        var count = op.Pictures.Columns;
        float* pictures = context.Rows(op.Pictures, step.Picture * VelocityStep.SlotsOfPicture, VelocityStep.SlotsOfPicture), remembered = context.Rows(op.Velocity, step.Picture, 1);
        float* state = pictures + (long)VelocityStep.StateSlot * count, trial = pictures + (long)VelocityStep.TrialSlot * count;
        var from = phase == StepPhase.HeunCorrect ? trial : state;
        var velocity = op.Prediction == PredictionKind.Velocity;
        var remaining = VelocityStep.Remaining(op.Prediction, p.Time);
        int plane = head.Plane, area = head.Area, channels = head.Channels;
        CpuRows.For(context, head.Tokens, area * channels, (begin, end) =>
        {
            for (var token = begin; token < end; token++)
            {
                float* c = conditional + (long)token * area * channels, u = unconditional + (long)token * area * channels;
                for (var q = 0; q < area; q++)
                {
                    var pixel = head.Pixel(token, q);
                    for (var channel = 0; channel < channels; channel++, c++, u++)
                    {
                        var i = (long)channel * plane + pixel;
                        var mixed = guidance == 1 ? *c : *u + guidance * (*c - *u);
                        var v = velocity ? mixed : (mixed - from[i]) / remaining;
                        if (phase == StepPhase.HeunTrial)
                            (remembered[i], trial[i]) = (v, state[i] + delta * v);
                        else
                            state[i] += delta * (phase == StepPhase.Euler ? v : 0.5f * (remembered[i] + v));
                    }
                }
            }
        });
    }

    private static void Unpatchify(HeadOutput head, float* rows, float* picture)
    {
        var plane = (long)head.Plane;
        for (var token = 0; token < head.Tokens; token++)
            for (var q = 0; q < head.Area; q++)
            {
                var pixel = head.Pixel(token, q);
                for (var channel = 0; channel < head.Channels; channel++)
                    picture[channel * plane + pixel] = *rows++;
            }
    }
}
