using System.Globalization;
using System.Text.Json;
using Tuna2.Engine;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Output;

/// <summary>What a model takes on the CPU for each thing it does at given sizes, and what this machine has.</summary>
internal sealed class MemoryReport
{
    private readonly ImageOptions _picture;
    private readonly AskOptions _ask;
    private readonly int _promptTokens;
    private readonly VideoOptions? _video;
    private readonly IReadOnlyList<(string Task, MemoryEstimate Memory)> _tasks;

    private readonly WeightFormat _weights;
    private readonly IReadOnlyList<(WeightFormat Format, long Bytes)> _formats;

    private MemoryReport(
        ImageOptions picture, VideoOptions? video, AskOptions ask, int promptTokens, IReadOnlyList<(string, MemoryEstimate)> tasks,
        WeightFormat weights, IReadOnlyList<(WeightFormat, long)> formats)
    {
        (_picture, _video, _ask, _promptTokens, _tasks) = (picture, video, ask, promptTokens, tasks);
        (_weights, _formats) = (weights, formats);
    }

    /// <summary>Counts every task.</summary>
    /// <param name="config">The model's config.</param>
    /// <param name="checkpoint">Its weights.</param>
    /// <param name="picture">Size, steps, guidance and VAE tile of pictures, and of clips; how many pictures are stepped together.</param>
    /// <param name="frames">Frames of clips; null for the model's.</param>
    /// <param name="maxTokens">The longest answer; null for the default.</param>
    /// <param name="promptTokens">Tokens of prompts, instructions and questions.</param>
    /// <param name="tokenizer">The model's tokenizer, which counts the tokens of its negative prompts; null: as many as the prompt's.</param>
    /// <param name="threads">CPU threads; 0 for one per processor.</param>
    /// <param name="weights">What the matrices are kept as.</param>
    /// <exception cref="RequestException">A value is out of range.</exception>
    public static MemoryReport Of(ModelConfig config, Checkpoint checkpoint, ImageOptions picture, int? frames, int? maxTokens, int promptTokens, Tokenizer? tokenizer, int threads, WeightFormat weights)
    {
        var d = config.Defaults;
        if (d.Video is null && frames is not null)
            throw new RequestException($"variant {config.Variant.Name()} makes pictures only: there are no frames to count");
        var video = d.Video is not { } clip ? null : new VideoOptions
        {
            Width = picture.Width ?? clip.Width,
            Height = picture.Height ?? clip.Height,
            Frames = frames ?? clip.Frames,
            Steps = picture.Steps,
            Guidance = picture.Guidance,
            VaeTile = picture.VaeTile,
        };
        picture = picture with
        {
            Width = picture.Width ?? d.Width,
            Height = picture.Height ?? d.Height,
            Steps = picture.Steps ?? d.Steps,
        };
        var ask = new AskOptions { Width = picture.Width, Height = picture.Height, VaeTile = picture.VaeTile };
        if (maxTokens is { } most)
            ask = ask with { MaxTokens = most };
        List<(string, MemoryEstimate)> tasks =
        [
            ("generate", MemoryEstimate.Generate(config, checkpoint, picture, promptTokens, Negative(d.NegativePrompt), threads, weights)),
            ("edit", MemoryEstimate.Edit(config, checkpoint, picture, promptTokens, Negative(d.EditNegativePrompt), threads, weights)),
            ("reconstruct", MemoryEstimate.Reconstruct(config, checkpoint, picture, promptTokens, Negative(d.NegativePrompt), threads, weights)),
            ("ask", MemoryEstimate.Ask(config, checkpoint, ask, promptTokens, threads, weights)),
        ];
        if (video is not null)
            tasks.Add(("video", MemoryEstimate.Video(config, checkpoint, video, promptTokens, Negative(d.Video!.NegativePrompt), threads, weights)));
        return new(picture, video, ask, promptTokens, tasks, weights, [.. Enum.GetValues<WeightFormat>().Select(format => (format, MemoryEstimate.WeightsAs(config, checkpoint, format)))]);

        int? Negative(string prompt) => tokenizer?.Encode(prompt).Length;
    }

    /// <summary>Writes a table: a column per task, a row per kind of memory.</summary>
    /// <param name="line">Writes a line under a heading; no heading continues the one before.</param>
    public void WriteTo(Action<string, FormattableString> line)
    {
        line("memory", $"on the CPU, {_picture.Width}x{_picture.Height}, {_picture.Steps} steps, {_promptTokens} prompt tokens, answers of {_ask.MaxTokens}{(_weights == WeightFormat.Stored ? "" : $", weights {_weights.Name()}")}");
        line("", $"{"",-16}{string.Concat(_tasks.Select(task => $"{task.Task,13}"))}");
        Row("weights", memory => memory.WeightBytes);
        Row("arena", memory => memory.ActivationBytes);
        Row("keys and values", memory => memory.KeyValueBytes);
        Row("tables", memory => memory.TableBytes);
        if (_tasks.Any(task => task.Memory.VaeBytes > 0))
            Row("VAE", memory => memory.VaeBytes);
        Row("process", memory => memory.ProcessBytes);
        Row("together", memory => memory.TotalBytes);
        line("", $"the weights take {string.Join(", ", _formats.Select(f => $"{ByteCount.Of(f.Bytes)} as {f.Format.Name()}"))}");
        line("", $"unplanned, the activations in the arena would take {string.Join(", ", _tasks.Select(task => ByteCount.Of(task.Memory.NaiveActivationBytes)))}");
        if (_video is { } video)
            line("", $"a video is {video.Frames} frames of {video.Width}x{video.Height}");
        if (_picture.VaeTile is { } tile)
            line("", $"the VAE takes tiles of {tile}x{tile}");
        if (_picture.Batch > 1)
            line("", $"{_picture.Batch} pictures to generate or edit are stepped together");
        if (SystemMemory.AvailableBytes is { } available)
            line("", $"this machine can give {ByteCount.Of(available)} now");

        void Row(string name, Func<MemoryEstimate, long> bytes) =>
            line("", $"{name,-16}{string.Concat(_tasks.Select(task => $"{ByteCount.Of(bytes(task.Memory)),13}"))}");
    }

    /// <summary>Writes it as a JSON property.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("memory");
        json.WriteString("device", "cpu");
        json.WriteNumber("width", _picture.Width!.Value);
        json.WriteNumber("height", _picture.Height!.Value);
        json.WriteNumber("steps", _picture.Steps!.Value);
        if (_video is { } video)
        {
            json.WriteNumber("video_width", video.Width!.Value);
            json.WriteNumber("video_height", video.Height!.Value);
            json.WriteNumber("video_frames", video.Frames!.Value);
        }
        if (_picture.VaeTile is { } tile)
            json.WriteNumber("vae_tile", tile);
        json.WriteNumber("batch", _picture.Batch);
        json.WriteNumber("prompt_tokens", _promptTokens);
        json.WriteNumber("max_tokens", _ask.MaxTokens);
        json.WriteString("weights", _weights.Name());
        json.WriteStartObject("weights_bytes_as");
        foreach (var (format, bytes) in _formats)
            json.WriteNumber(format.Name(), bytes);
        json.WriteEndObject();
        if (SystemMemory.AvailableBytes is { } available)
            json.WriteNumber("available_bytes", available);
        else
            json.WriteNull("available_bytes");
        foreach (var (task, memory) in _tasks)
        {
            json.WriteStartObject(task);
            json.WriteNumber("weights_bytes", memory.WeightBytes);
            json.WriteNumber("activations_bytes", memory.ActivationBytes);
            json.WriteNumber("activations_naive_bytes", memory.NaiveActivationBytes);
            json.WriteNumber("keys_values_bytes", memory.KeyValueBytes);
            json.WriteNumber("tables_bytes", memory.TableBytes);
            json.WriteNumber("vae_bytes", memory.VaeBytes);
            json.WriteNumber("process_bytes", memory.ProcessBytes);
            json.WriteNumber("total_bytes", memory.TotalBytes);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}
