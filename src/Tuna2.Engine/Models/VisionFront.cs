using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Models;

/// <summary>What turns pictures into tokens (MODEL.md section 1, "visual front"): the part in which the variants differ most.</summary>
internal abstract class VisionFront
{
    /// <summary>The front of a model.</summary>
    public static VisionFront Of(ModelConfig config, VisionWeights weights) => weights switch
    {
        PatchifyWeights patchify => new PatchifyFront(config, patchify),
        SiglipWeights siglip => new SiglipFront(config, siglip),
        _ => throw new ArgumentException($"there is no front for {weights.GetType().Name}", nameof(weights)),
    };

    /// <summary>Adds what fills the rows of <paramref name="x"/> that the batch's pictures take.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="pictures">Where the pictures are.</param>
    /// <param name="most">How many pictures a run may have.</param>
    /// <param name="x">(tokens, hidden).</param>
    public abstract void Embed(ModelGraph graph, PictureState pictures, int most, Value x);
}
