using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Parity;

/// <summary>The vision encoder alone: features of a picture or of a latent, before and behind the projector.</summary>
internal static class SiglipCase
{
    public static void Run(CaseTensors tensors, TunaModel model, CaseChecks checks, CancellationToken cancellation)
    {
        if (model.Network.Vision is not SiglipFront front)
            throw new ModelException($"variant {model.Config.Variant.Name()} has no SigLIP");
        var input = tensors.Has("latent") ? "latent" : "pixels";
        var (channels, patch) = (model.Config.ImageChannels, model.Config.PatchSize);
        var shape = tensors.Shape(input);
        if (shape.Length < 3 || shape.Aggregate(1L, (n, d) => n * d) != channels * shape[^2] * shape[^1])
            throw new ModelException($"'{input}' is not one picture of {channels} planes");
        int height = (int)shape[^2], width = (int)shape[^1];
        var limits = new ParityLimits(model, tensors);

        using var store = new StateStore(model.Backend);
        var picture = store.Add("pictures", new Extent("pictures", 1), channels * height * width, ValueElement.Float32);
        var graph = new ModelGraph();
        var projected = front.Project(graph, new PictureState(height, width, picture, null, picture), new Grid(1, height / patch, width / patch), most: 1);
        var features = graph.Find(SiglipFront.Features)!;
        graph.Keep(projected);
        graph.Keep(features);
        var executor = new Executor(graph, model.Backend, store, new(null, 0, Spans: 1));
        store.Take($"a picture of {width}x{height}", "a smaller one takes less");
        store.Write(picture, 0, tensors.Floats(input));
        executor.Run(new Batch { Patches = [new PatchPlacement(0, 0)] }, cancellation);
        foreach (var (name, value) in new[] { (SiglipFront.Features, features), (SiglipFront.Projected, projected) })
            if (tensors.Has(name))
                checks.Floats(name, ParityLimits.Full, executor.Read(value), tensors.Floats(name), value.Columns, limits.Reference(name));
    }
}
