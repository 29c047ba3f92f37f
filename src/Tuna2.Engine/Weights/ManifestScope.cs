using System.Globalization;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Weights;

/// <summary>
/// The values that expressions of the manifest see: those of a config under their names in config.json, a few derived from them,
/// and the variables of the entry at hand. Expressions know integers, names, list elements <c>a[i]</c>, <c>* / + -</c> and the
/// comparisons <c>== != &lt;</c>, which bind last and give 1 or 0.
/// </summary>
internal sealed class ManifestScope
{
    private readonly Dictionary<string, IReadOnlyList<long>> values;

    private ManifestScope(Dictionary<string, IReadOnlyList<long>> values) => this.values = values;

    /// <summary>The values of a config.</summary>
    public static ManifestScope Of(ModelConfig config)
    {
        Dictionary<string, IReadOnlyList<long>> values = [];
        void Set(string name, long value) => values[name] = [value];

        Set("hidden_size", config.HiddenSize);
        Set("intermediate_size", config.IntermediateSize);
        Set("num_hidden_layers", config.NumHiddenLayers);
        Set("num_attention_heads", config.NumAttentionHeads);
        Set("num_key_value_heads", config.NumKeyValueHeads);
        Set("head_dim", config.HeadDim);
        Set("vocab_size", config.VocabSize);
        Set("tie_word_embeddings", config.TieWordEmbeddings ? 1 : 0);
        Set("patch_size", config.PatchSize);
        Set("image_channels", config.ImageChannels);
        Set("patch_values", config.PatchValues);
        Set("flow_head.num_layers", config.FlowHead.NumLayers);
        Set("flow_head.num_attention_heads", config.FlowHead.NumAttentionHeads);
        Set("flow_head.num_key_value_heads", config.FlowHead.NumKeyValueHeads);
        Set("flow_head.head_dim", config.FlowHead.HeadDim);
        if (config.Siglip is { } siglip)
        {
            Set("siglip.hidden_size", siglip.HiddenSize);
            Set("siglip.intermediate_size", siglip.IntermediateSize);
            Set("siglip.num_hidden_layers_kept", siglip.NumHiddenLayersKept);
            Set("siglip.num_channels", siglip.NumChannels);
            Set("siglip.patch_size", siglip.PatchSize);
            Set("siglip.grid_size", siglip.GridSize);
        }
        if (config.Vae is { } vae)
        {
            Set("vae.z_dim", vae.ZDim);
            Set("vae.num_res_blocks", vae.NumResBlocks);
            Set("vae.levels", vae.DimMult.Count);
            values["vae.encoder_channels"] = [.. vae.EncoderChannels];
            values["vae.decoder_channels"] = [.. vae.DecoderChannels];
            values["vae.temporal_downsample"] = [.. vae.TemporalDownsample.Select(flag => flag ? 1L : 0L)];
            values["vae.temporal_upsample"] = [.. vae.TemporalUpsample.Select(flag => flag ? 1L : 0L)];
        }
        return new ManifestScope(values);
    }

    /// <summary>This scope with one more variable.</summary>
    public ManifestScope With(string name, long value) => new(new Dictionary<string, IReadOnlyList<long>>(values) { [name] = [value] });

    /// <summary>The value of an expression.</summary>
    public long Evaluate(string expression)
    {
        var parser = new Parser(this, expression);
        return parser.Whole();
    }

    /// <summary>The text with every <c>{expression}</c> replaced by its value.</summary>
    public string Expand(string text)
    {
        for (var open = text.IndexOf('{', StringComparison.Ordinal); open >= 0; open = text.IndexOf('{', StringComparison.Ordinal))
        {
            var close = text.IndexOf('}', open);
            if (close < 0) throw Bad(text, "a '{' is not closed");
            text = text[..open] + Evaluate(text[(open + 1)..close]).ToString(CultureInfo.InvariantCulture) + text[(close + 1)..];
        }
        return text;
    }

    private static InvalidOperationException Bad(string expression, string what) => new($"weights-manifest.json: '{expression}': {what}");

    private ref struct Parser(ManifestScope scope, string text)
    {
        private int position;

        public long Whole()
        {
            var value = Comparison();
            return position == text.Length ? value : throw Bad(text, $"unexpected '{text[position]}'");
        }

        private long Comparison()
        {
            var left = Sum();
            if (Take("==")) return left == Sum() ? 1 : 0;
            if (Take("!=")) return left != Sum() ? 1 : 0;
            if (Take("<")) return left < Sum() ? 1 : 0;
            return left;
        }

        private long Sum()
        {
            var value = Product();
            while (true)
            {
                if (Take("+")) value = checked(value + Product());
                else if (Take("-")) value = checked(value - Product());
                else return value;
            }
        }

        private long Product()
        {
            var value = Element();
            while (true)
            {
                if (Take("*")) value = checked(value * Element());
                else if (Take("/")) value /= Element();
                else return value;
            }
        }

        private long Element()
        {
            Skip();
            var start = position;
            while (position < text.Length && (char.IsAsciiLetterOrDigit(text[position]) || text[position] is '_' or '.')) position++;
            var word = text[start..position];
            if (long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
            if (!scope.values.TryGetValue(word, out var list)) throw Bad(text, $"there is no value '{word}'");
            if (!Take("[")) return list.Count == 1 ? list[0] : throw Bad(text, $"'{word}' is a list");
            var index = Sum();
            if (!Take("]")) throw Bad(text, "a '[' is not closed");
            return index >= 0 && index < list.Count ? list[(int)index] : throw Bad(text, $"'{word}' has no element {index}");
        }

        private bool Take(string symbol)
        {
            Skip();
            if (!text.AsSpan(position).StartsWith(symbol)) return false;
            position += symbol.Length;
            Skip();
            return true;
        }

        private void Skip()
        {
            while (position < text.Length && text[position] == ' ') position++;
        }
    }
}
