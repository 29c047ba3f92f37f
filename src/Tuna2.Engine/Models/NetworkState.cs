using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>What depends on t alone, a row per time.</summary>
/// <param name="Times">(times, 1): the times themselves.</param>
/// <param name="Embeddings">(times, hidden): the time tokens.</param>
/// <param name="Modulation">The flow head's AdaLN vectors; null where the head is not run.</param>
internal sealed record TimeState(Value Times, Value Embeddings, ModulationState? Modulation);

/// <summary>The flow head's AdaLN vectors, a row per time.</summary>
/// <param name="Layers">Per head layer (times, 6 x hidden).</param>
/// <param name="Final">(times, 2 x hidden): the final layer's.</param>
internal sealed record ModulationState(IReadOnlyList<Value> Layers, Value Final);

/// <summary>Keys and values of a layer, (capacity, kv heads x head dim) each.</summary>
internal sealed record KeyValueCache(Value Keys, Value Values);

/// <summary>
/// Where a layer has keys and values while it runs, when what it keeps is prefixes alone: one piece of memory for all layers.
/// </summary>
/// <param name="PerPrefix">Rows the caches keep of a prefix.</param>
/// <param name="Rows">Rows of the prefixes and spans of all sequences.</param>
internal sealed record KeyWindow(int PerPrefix, Extent Rows);

/// <summary>The caches of every layer.</summary>
internal sealed record CacheState(IReadOnlyList<KeyValueCache> Llm, IReadOnlyList<KeyValueCache> Head);

/// <summary>Pictures, or clips, of one size, as the model has them: in pixels, or in a latent's cells.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Pictures">(slots, channels x frames x height x width): z and Heun's trial state of each that is denoised, then the sources.</param>
/// <param name="Predictions">(predictions, channels x frames x height x width): the head's prediction per span, or null when nobody watches.</param>
/// <param name="Velocity">(pictures that are denoised, channels x frames x height x width): what Heun remembers; null where nothing is.</param>
/// <param name="Frames">Frames of a clip; a picture is one.</param>
internal sealed record PictureState(int Height, int Width, Value Pictures, Value? Predictions, Value? Velocity, int Frames = 1)
{
    /// <summary>The slot of the first source; the slots before it are VelocityStep's.</summary>
    public int SourceSlot => VelocityStep.SlotsOfPicture * (Velocity?.Rows.Max ?? 0);
}
