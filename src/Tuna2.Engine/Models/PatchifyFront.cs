using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>Tuna-2's whole visual front: Conv2d patches and a norm, one op (MODEL.md section 3.1, official vision/patch_embed.py).</summary>
internal sealed class PatchifyFront(ModelConfig config, PatchifyWeights weights) : VisionFront
{
    public override void Embed(ModelGraph graph, PictureState pictures, int most, Value x) =>
        graph.Add(new Patchify("vision_encoder", pictures.Pictures, weights.Patch.Weight, weights.Patch.Bias!, weights.Norm, config.PatchNormEps,
            config.PatchSize, config.ImageChannels, pictures.Height, pictures.Width, most, x));
}
