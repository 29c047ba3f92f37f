using Tuna2.Engine.Imaging;
using Tuna2.Engine.Tests.Shapes;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Sessions;

/// <summary>The shipped model and short requests to it.</summary>
internal static class DemoModel
{
    public const string Prompt = "a red circle on a blue background";

    public static string Directory { get; } = Path.Combine(Fixtures.Repository, "models", "tuna2-shapes");

    /// <summary>A picture to edit and to ask about.</summary>
    public static RgbImage Picture { get; } =
        new(ShapesWorld.Side, ShapesWorld.Side, ShapesWorld.Render(ShapesWorld.One("blue", "red", "square", "large")));

    /// <summary>Enough steps to differ where something differs.</summary>
    public static ImageOptions Short { get; } = new() { Steps = 3 };

    /// <summary>More steps than any test waits for.</summary>
    public static ImageOptions Endless { get; } = new() { Steps = 1000 };

    /// <summary>
    /// With <see cref="LongAnswer"/>, an answer that no test waits for: near-uniform draws, whose seed was chosen for the thousands of tokens
    /// before its end, each over a long prompt. It is computed for seconds, however late its first piece is read on a busy machine.
    /// </summary>
    public static string LongQuestion { get; } = string.Join(' ', Enumerable.Repeat("Describe the image in detail.", 80));

    /// <inheritdoc cref="LongQuestion"/>
    public static AskOptions LongAnswer { get; } = new() { MaxTokens = 20000, Temperature = 1000, Seed = 34 };

    public static Task<TunaModel> LoadAsync(int threads = 2) => TunaModel.LoadAsync(Directory, new() { Threads = threads });

    public static async Task<byte[]> GenerateAsync(this TunaSession session, ImageOptions options) =>
        (await session.GenerateAsync(Prompt, options))[0].Bytes();

    public static byte[] Bytes(this GeneratedImage picture) => picture.Image.Pixels.ToArray();

    public static async Task<string> AnswerAsync(this TunaSession session, string question, AskOptions? options = null) =>
        string.Concat(await session.AskAsync(Picture, question, options).ToListAsync());

    /// <summary>The model's directory without its weights, in a place that may be changed.</summary>
    public static void CopyWithoutWeights(TemporaryDirectory to)
    {
        foreach (var name in (string[])["config.json", "tokenizer.json"])
            File.Copy(Path.Combine(Directory, name), to.File(name));
    }

    /// <summary>All weights as float32, changed or not, under their names.</summary>
    public static List<TensorData> Weights(Func<TensorInfo, float[], TensorData>? make = null)
    {
        make ??= (tensor, values) => TensorData.FromFloat32(tensor.Name, tensor.Shape, values);
        using var checkpoint = Checkpoint.Open(Directory);
        return [.. checkpoint.Tensors.Values.Select(tensor => make(tensor, checkpoint.ReadFloat32(tensor.Name)))];
    }
}

/// <summary>Reports on the thread that computes, in the order things happen; <see cref="Progress{T}"/> posts them later.</summary>
internal sealed class Listener<T>(Action<T> told) : IProgress<T>
{
    public void Report(T value) => told(value);
}
