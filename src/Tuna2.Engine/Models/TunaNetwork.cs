using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Models;

/// <summary>
/// The family's forward pass, top to bottom (MODEL.md section 3, official tuna_2_pixel.py, tuna_2r_pixel.py, tuna.py). A method is a part of the model, a
/// line is an op; parameters keep their checkpoint names. Parts are put together by the runs that need them: the prefix, a
/// denoising step, the plain full pass, understanding.
/// </summary>
/// <param name="config">The model's sizes and constants.</param>
/// <param name="weights">Its weights.</param>
internal sealed class TunaNetwork(ModelConfig config, TunaWeights weights)
{
    private readonly AttentionShape _llmShape = new(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
    private readonly AttentionShape _headShape = new(config.FlowHead.NumAttentionHeads, config.FlowHead.NumKeyValueHeads, config.FlowHead.HeadDim);
    private readonly TextRotary _llmRotary = new(config.HeadDim, RotaryEmbedding.Frequencies(config.HeadDim, config.RopeTheta));
    private readonly ImageRotary _headRotary = HeadRotary(config.FlowHead);
    private readonly VisionFront _vision = VisionFront.Of(config, weights.Vision);

    /// <summary>Sinusoids of a time (official TimestepEmbedder).</summary>
    private const int TimeFrequencies = 256;

    /// <summary>Vectors of a head layer's AdaLN set: shift, scale, gate for attention, then for the MLP.</summary>
    private const int LayerChunks = 6;

    /// <summary>Vectors of the final layer's set: shift, scale.</summary>
    private const int FinalChunks = 2;

    public ModelConfig Config => config;

    /// <summary>What turns pictures into tokens.</summary>
    public VisionFront Vision => _vision;

    /// <summary>Everything that depends on t alone, for all times at once: embeddings and, for the head, every layer's AdaLN vectors.</summary>
    public ModelGraph Times(TimeState state)
    {
        var graph = new ModelGraph();
        var rows = state.Times.Rows;
        var sinusoids = ModelGraph.Transient("time_embed.sinusoids", rows, TimeFrequencies);
        var inner = ModelGraph.Transient("time_embed.mlp.0", rows, config.HiddenSize);
        var active = ModelGraph.Transient("time_embed.mlp.1", rows, config.HiddenSize);
        graph.Add(new TimestepSinusoids("time_embed", state.Times, sinusoids));
        graph.Add(new MatMul("time_embed.mlp.0", sinusoids, weights.TimeIn.Weight, inner, weights.TimeIn.Bias));
        graph.Add(new Silu("time_embed.mlp.1", inner, active));
        graph.Add(new MatMul("time_embed.mlp.2", active, weights.TimeOut.Weight, state.Embeddings, weights.TimeOut.Bias));
        if (state.Modulation is not { } modulation)
            return graph;
        var modulator = ModelGraph.Transient("adaLN_modulation.0", rows, config.HiddenSize);
        graph.Add(new Silu("adaLN_modulation.0", state.Embeddings, modulator));
        for (var i = 0; i < weights.Head.Count; i++)
            graph.Add(new MatMul($"diffusion_head_a.{i}.adaLN_modulation.1", modulator, weights.Head[i].AdaLn.Weight, modulation.Layers[i], weights.Head[i].AdaLn.Bias));
        graph.Add(new MatMul("diffusion_head_b.adaLN_modulation.1", modulator, weights.HeadFinalAdaLn.Weight, modulation.Final, weights.HeadFinalAdaLn.Bias));
        return graph;
    }

    /// <summary>New states for <paramref name="count"/> times; the head's AdaLN vectors, a tenth of all parameters, only where it is run.</summary>
    public TimeState NewTimeState(StateStore store, int count, bool head)
    {
        var rows = new Extent("times", count);
        return new TimeState(
            store.Add("times", rows, 1, ValueElement.Float32),
            store.Add("time_embed", rows, config.HiddenSize),
            head ? new ModulationState(
                [.. weights.Head.Select((_, i) => store.Add($"diffusion_head_a.{i}.adaLN_modulation", rows, LayerChunks * config.HiddenSize, ValueElement.Float32))],
                store.Add("diffusion_head_b.adaLN_modulation", rows, FinalChunks * config.HiddenSize, ValueElement.Float32)) : null);
    }

    /// <summary>New slots for <paramref name="count"/> pictures that are only looked at, of as many pixels as the grid has patches.</summary>
    public PictureState NewPictureToSee(StateStore store, Grid grid, int count)
    {
        int height = grid.Height * config.PatchSize, width = grid.Width * config.PatchSize;
        var pictures = store.Add("pictures", new Extent("pictures", count), config.ImageChannels * grid.Frames * height * width, ValueElement.Float32);
        return new PictureState(height, width, pictures, null, null, grid.Frames);
    }

    /// <summary>New K/V caches of <paramref name="capacity"/> rows for the LLM, and for the head unless it is not run.</summary>
    public CacheState NewCacheState(StateStore store, int capacity, bool head)
    {
        var rows = new Extent("keys", capacity);
        return new CacheState(
            Caches("tuna.model.layers", weights.Layers.Count, _llmShape),
            head ? Caches("diffusion_head_a", weights.Head.Count, _headShape) : []);

        KeyValueCache[] Caches(string name, int layers, AttentionShape shape) =>
            [.. Enumerable.Range(0, layers).Select(i => new KeyValueCache(
                store.Add($"{name}.{i}.keys", rows, shape.KvColumns), store.Add($"{name}.{i}.values", rows, shape.KvColumns)))];
    }

    /// <summary>Text embeddings, patch embeddings and time tokens in their rows: the LLM's input, (tokens, hidden).</summary>
    public Value Embed(ModelGraph graph, Extent rows, bool text, PictureState? pictures, TimeState? times, int maxSpans, Value? tokens = null)
    {
        var x = ModelGraph.Transient("input_embeds", rows, config.HiddenSize);
        if (text)
            graph.Add(new EmbeddingGather("tuna.model.embed_tokens", weights.Embedding, x, tokens));
        if (pictures is not null)
            _vision.Embed(graph, pictures, maxSpans, x);
        if (times is not null)
            graph.Add(new PlaceTime("time_embed", times.Embeddings, x));
        return x;
    }

    /// <summary>The LLM up to its final norm: (tokens, hidden) to (tokens, hidden).</summary>
    /// <param name="graph">Where its ops go.</param>
    /// <param name="h">Its input.</param>
    /// <param name="cache">Keys and values of what stands before, and without a window of these rows too.</param>
    /// <param name="window">Where those of these rows are for as long as a layer needs them; null: in the caches, to stay.</param>
    public Value Llm(ModelGraph graph, Value h, CacheState cache, KeyWindow? window = null)
    {
        for (var i = 0; i < weights.Layers.Count; i++)
            h = LlmLayer(graph, i, h, cache.Llm[i], window);
        var output = ModelGraph.Transient("llm_out", h.Rows, config.HiddenSize);
        graph.Add(new RmsNorm("tuna.model.norm", h, weights.FinalNorm, config.RmsNormEps, output));
        return output;
    }

    /// <summary>Logits at the picked rows: (picked, vocabulary).</summary>
    public Value LanguageHead(ModelGraph graph, Value hidden, Extent picked)
    {
        var rows = ModelGraph.Transient("picked", picked, config.HiddenSize);
        var logits = ModelGraph.Transient("logits", picked, config.VocabSize, ValueElement.Float32);
        graph.Add(new PickRows("picked", hidden, rows));
        graph.Add(new MatMul("tuna.lm_head", rows, weights.LanguageHead, logits));
        return logits;
    }

    /// <summary>A state for the token that was picked last.</summary>
    public static Value NewTokenState(StateStore store) => store.Add("token", new Extent("token", 1), 1, ValueElement.Float32);

    /// <summary>The next token, from the logits of one row.</summary>
    public static void PickToken(ModelGraph graph, Value logits, Value token, TokenChoice choice) => graph.Add(new SampleToken("token", logits, token, choice));

    /// <summary>The flow head: (tokens, hidden) to (tokens, patch values); caches and window as of <see cref="Llm"/>.</summary>
    public Value FlowHead(ModelGraph graph, Value h, CacheState cache, TimeState times, KeyWindow? window = null)
    {
        var modulation = ModulationOf(times);
        for (var i = 0; i < weights.Head.Count; i++)
            h = HeadLayer(graph, i, h, cache.Head[i], modulation.Layers[i], window);
        var normed = ModelGraph.Transient("diffusion_head_b.norm_final", h.Rows, config.HiddenSize);
        var output = ModelGraph.Transient("head_out", h.Rows, config.PatchValues);
        graph.Add(new RmsNorm("diffusion_head_b.norm_final", h, weights.HeadFinalNorm, config.FlowHead.FinalNormEps, normed,
            shift: new(modulation.Final, 0), scale: new(modulation.Final, 1)));
        graph.Add(new MatMul("diffusion_head_b.linear", normed, weights.HeadFinal.Weight, output, weights.HeadFinal.Bias));
        return output;
    }

    /// <summary>The flow head over a prefix, for its keys and values alone: the last layer needs no queries.</summary>
    public void FlowHeadKeys(ModelGraph graph, Value h, CacheState cache, TimeState times)
    {
        var modulation = ModulationOf(times);
        var last = weights.Head.Count - 1;
        for (var i = 0; i < last; i++)
            h = HeadLayer(graph, i, h, cache.Head[i], modulation.Layers[i], null);
        HeadProjection(graph, last, h, cache.Head[last], modulation.Layers[last]);
    }

    /// <summary>Head rows to the next state.</summary>
    public void Step(ModelGraph graph, Value headOut, PictureState pictures)
    {
        var head = new HeadOutput(headOut, config.ImageChannels, pictures.Height, pictures.Width, config.PatchSize, config.PredictionLayout == PredictionLayout.Raster, pictures.Frames);
        var velocity = pictures.Velocity ?? throw new InvalidOperationException("these pictures are only looked at");
        graph.Add(new VelocityStep("velocity_step", head, pictures.Pictures, velocity, pictures.Predictions, config.Prediction));
    }

    private Value LlmLayer(ModelGraph graph, int i, Value h, KeyValueCache cache, KeyWindow? window)
    {
        var (layer, name) = (weights.Layers[i], $"tuna.model.layers.{i}");
        var normed = ModelGraph.Transient($"{name}.input_layernorm", h.Rows, config.HiddenSize);
        var qkv = ModelGraph.Transient($"{name}.qkv", h.Rows, _llmShape.QkvColumns);
        var mixed = ModelGraph.Transient($"{name}.attention", h.Rows, _llmShape.QueryColumns);
        var middle = ModelGraph.Transient($"{name}.middle", h.Rows, config.HiddenSize);
        graph.Add(new RmsNorm($"{name}.input_layernorm", h, layer.InputNorm, config.RmsNormEps, normed));
        graph.Add(new MatMul($"{name}.self_attn.qkv_proj", normed, layer.Qkv.Weight, qkv, layer.Qkv.Bias));
        cache = Recall(graph, name, cache, window);
        graph.Add(new QkvToCache($"{name}.self_attn.rope", qkv, _llmShape, _llmRotary, null, null, 0, cache.Keys, cache.Values));
        graph.Add(new Attention($"{name}.self_attn", qkv, _llmShape, cache.Keys, cache.Values, mixed));
        graph.Add(new MatMul($"{name}.self_attn.o_proj", mixed, layer.Output.Weight, middle, residual: h));
        return Mlp(graph, name, middle, layer.PostNorm, config.RmsNormEps, layer.GateUp, layer.Down, $"llm_layer_{i}", null);
    }

    private Value HeadLayer(ModelGraph graph, int i, Value h, KeyValueCache cache, Value modulation, KeyWindow? window)
    {
        var (layer, name) = (weights.Head[i], $"diffusion_head_a.{i}");
        var mixed = ModelGraph.Transient($"{name}.attention", h.Rows, _headShape.QueryColumns);
        var middle = ModelGraph.Transient($"{name}.middle", h.Rows, config.HiddenSize);
        cache = Recall(graph, name, cache, window);
        var qkv = HeadProjection(graph, i, h, cache, modulation);
        graph.Add(new Attention($"{name}.self_attn", qkv, _headShape, cache.Keys, cache.Values, mixed));
        graph.Add(new MatMul($"{name}.self_attn.o_proj", mixed, layer.Output.Weight, middle, residual: h, gate: new(modulation, 2)));
        return Mlp(graph, name, middle, layer.PostNorm, config.FlowHead.RmsNormEps, layer.GateUp, layer.Down, $"head_layer_{i}", modulation);
    }

    /// <summary>Norm, projection, rotary embedding; keys and values into the cache. Returns the rows that hold the queries.</summary>
    private Value HeadProjection(ModelGraph graph, int i, Value h, KeyValueCache cache, Value modulation)
    {
        var (layer, name) = (weights.Head[i], $"diffusion_head_a.{i}");
        var normed = ModelGraph.Transient($"{name}.input_layernorm", h.Rows, config.HiddenSize);
        var qkv = ModelGraph.Transient($"{name}.qkv", h.Rows, _headShape.QkvColumns);
        graph.Add(new RmsNorm($"{name}.input_layernorm", h, layer.InputNorm, config.FlowHead.RmsNormEps, normed,
            shift: new(modulation, 0), scale: new(modulation, 1)));
        graph.Add(new MatMul($"{name}.self_attn.qkv_proj", normed, layer.Qkv.Weight, qkv));
        graph.Add(new QkvToCache($"{name}.self_attn.rope", qkv, _headShape, _headRotary, layer.QueryNorm, layer.KeyNorm,
            config.FlowHead.FinalNormEps, cache.Keys, cache.Values));
        return qkv;
    }

    /// <summary>Where a layer's keys and values go, with what is kept of the prefixes before them.</summary>
    private static KeyValueCache Recall(ModelGraph graph, string name, KeyValueCache cache, KeyWindow? window)
    {
        return window is null ? cache : new(Recalled("keys", cache.Keys), Recalled("values", cache.Values));

        Value Recalled(string what, Value kept)
        {
            var all = ModelGraph.Transient($"{name}.{what}", window.Rows, kept.Columns);
            graph.Add(new RecallPrefix($"{name}.self_attn.{what}", kept, window.PerPrefix, all));
            return all;
        }
    }

    /// <summary>h + gate * down(silu(gate_proj) * up_proj) over the (modulated) norm of h.</summary>
    private Value Mlp(ModelGraph graph, string name, Value h, Weight norm, float epsilon, Linear gateUp, Linear down, string outputName, Value? modulation)
    {
        var normed = ModelGraph.Transient($"{name}.post_attention_layernorm", h.Rows, config.HiddenSize);
        var pair = ModelGraph.Transient($"{name}.gate_up", h.Rows, 2 * config.IntermediateSize);
        var active = ModelGraph.Transient($"{name}.swiglu", h.Rows, config.IntermediateSize);
        var output = ModelGraph.Transient(outputName, h.Rows, config.HiddenSize);
        graph.Add(new RmsNorm($"{name}.post_attention_layernorm", h, norm, epsilon, normed,
            shift: modulation is null ? null : new(modulation, 3), scale: modulation is null ? null : new(modulation, 4)));
        graph.Add(new MatMul($"{name}.mlp.gate_up_proj", normed, gateUp.Weight, pair));
        graph.Add(new SwiGlu($"{name}.mlp.act_fn", pair, active));
        graph.Add(new MatMul($"{name}.mlp.down_proj", active, down.Weight, output, residual: h, gate: modulation is null ? null : new(modulation, 5)));
        return output;
    }

    private static ModulationState ModulationOf(TimeState times) =>
        times.Modulation ?? throw new InvalidOperationException("these times were made without the flow head's AdaLN vectors");

    private static ImageRotary HeadRotary(FlowHeadConfig head)
    {
        var scaling = head.RopeScaling;
        int frame = head.HeadDim / 4, side = head.HeadDim / 8 * 3;
        return new ImageRotary(head.HeadDim,
            RotaryEmbedding.Llama3Frequencies(head.HeadDim, head.RopeTheta, scaling.Factor, scaling.LowFreqFactor, scaling.HighFreqFactor, scaling.OriginalMaxPositionEmbeddings),
            RotaryEmbedding.Frequencies(frame, head.ImageRopeTheta),
            RotaryEmbedding.Frequencies(side, head.ImageRopeTheta));
    }
}
