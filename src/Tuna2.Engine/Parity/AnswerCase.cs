using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Models;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Parity;

/// <summary>Understanding: tokens, the LLM's input, the logits behind the prompt, and greedy ids on both paths.</summary>
internal static class AnswerCase
{
    public static void Run(CaseDescription c, CaseTensors tensors, TunaModel model, CaseChecks checks, CancellationToken cancellation)
    {
        int height = c.Integer("height"), width = c.Integer("width");
        // What the encoder's sample of the source was is the case's own: ours takes the mean.
        var source = tensors.Floats("source");
        if (model.Config.Vae is not null)
            source = tensors.Floats("image_latents");
        if (tensors.Has("t"))
            checks.Floats("t", "", [1f], tensors.Floats("t"), 0, 1e-6);
        var limits = new ParityLimits(model, tensors);
        var writer = new ChatWriter(model.Tokenizer, model.Tokens);
        var prompt = writer.Begin(ChatTemplate.DefaultSystemPrompt).With(writer.Question(c.Text("prompt") ?? "", 1, model.Config.GridOf(width, height)));
        if (tensors.Has("text_tokens"))
            checks.Identical("text_tokens", "", [.. prompt.Tokens.Select(t => (long)t)], tensors.Integers("text_tokens"));
        if (tensors.Has("modality_positions"))
            checks.Identical("modality_positions", "", [prompt.Spans[0].Offset, prompt.Spans[0].Length], tensors.Integers("modality_positions"));

        var expected = tensors.Has("output_ids") ? tensors.Integers("output_ids") : null;
        var most = c.Has("max_new_tokens") ? c.Integer("max_new_tokens") : expected?.Length ?? 1;
        float[] fullLogits, prefixLogits;
        List<int> full, prefix;
        using (var oracle = new FullTextDecoder(model.Network, model.Backend, prompt, [source], most))
        {
            fullLogits = oracle.Logits([], cancellation);
            if (tensors.Has("input_embeds"))
                checks.Floats("input_embeds", ParityLimits.Full, oracle.ReadEmbeds(), tensors.Floats("input_embeds"), model.Config.HiddenSize, limits.Reference("input_embeds"));
            full = Greedy(fullLogits, model.Tokens.Eos, most, ids => oracle.Logits(ids, cancellation));
        }
        using (var decoder = new TextDecoder(model.Network, model.Backend))
        {
            prefix = [decoder.Begin(prompt, [source], most, TokenChoice.Greedy, cancellation)];
            prefixLogits = decoder.ReadLogits();
            while (prefix[^1] != model.Tokens.Eos && prefix.Count < most)
                prefix.Add(decoder.Next(cancellation));
            decoder.Settle();
        }
        if (tensors.Has("prefill_logits"))
        {
            var logits = tensors.Floats("prefill_logits");
            checks.Floats("prefill_logits", ParityLimits.Full, fullLogits, logits, 0, limits.Reference("prefill_logits"));
            checks.Floats("prefill_logits", ParityLimits.Prefix, prefixLogits, logits, 0, limits.Reference("prefill_logits"));
        }
        if (expected is not null && limits.JudgesDiscrete)
        {
            checks.Identical("output_ids", ParityLimits.Full, [.. full.Select(id => (long)id)], expected);
            checks.Identical("output_ids", ParityLimits.Prefix, [.. prefix.Select(id => (long)id)], expected);
        }
        if (c.Text("answer") is { } answer && limits.JudgesDiscrete)
            checks.Identical("answer", ParityLimits.Prefix, model.Tokenizer.Decode([.. prefix], skipSpecialTokens: true), answer);
    }

    private static List<int> Greedy(float[] logits, int eos, int most, Func<List<int>, float[]> next)
    {
        var sampler = new TokenSampler(TokenChoice.Greedy);
        var ids = new List<int>();
        while (true)
        {
            ids.Add(sampler.Pick(logits));
            if (ids[^1] == eos || ids.Count == most)
                return ids;
            logits = next(ids);
        }
    }
}
