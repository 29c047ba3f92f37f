using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Parity;

/// <summary>The vision encoder alone: features of a picture, before and behind the projector.</summary>
internal static class SiglipCase
{
    public static void Run(CaseDescription c, CaseTensors tensors, TunaModel model, CaseChecks checks, CancellationToken cancellation)
    {
        if (model.Network.Vision is not SiglipFront front)
            throw new ModelException($"variant {model.Config.Variant.Name()} has no SigLIP");
        int height = c.Integer("height"), width = c.Integer("width"), patch = model.Config.PatchSize;
        var grid = new Grid(1, height / patch, width / patch);
        var limits = new ParityLimits(model.Backend, tensors);

        using var store = new StateStore(model.Backend);
        var pixels = store.Add("pictures", new Extent("pictures", 1), model.Config.ImageChannels * height * width, ValueElement.Float32);
        var graph = new ModelGraph();
        var projected = front.Project(graph, new PictureState(height, width, pixels, null, pixels), grid, most: 1);
        var features = graph.Find(SiglipFront.Features)!;
        graph.Keep(projected);
        graph.Keep(features);
        var executor = new Executor(graph, model.Backend, store, new(null, 0, Spans: 1));
        store.Take($"a picture of {width}x{height}", "a smaller one takes less");
        store.Write(pixels, 0, tensors.Floats("pixels"));
        executor.Run(new Batch { Patches = [new PatchPlacement(0, 0)] }, cancellation);
        foreach (var (name, value) in new[] { (SiglipFront.Features, features), (SiglipFront.Projected, projected) })
            if (tensors.Has(name))
                checks.Floats(name, ParityLimits.Full, executor.Read(value), tensors.Floats(name), value.Columns, limits.Reference(name));
    }
}
