using System.Globalization;
using Tuna2.Engine;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Models;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Doctor;

/// <summary>Whether a model is whole, and fits.</summary>
internal static class ModelChecks
{
    /// <summary>Looks at a model directory: its files, its weights against the manifest, its memory against what there is.</summary>
    /// <param name="directory">The directory; null for the demo model.</param>
    /// <param name="cpu">Where it would run.</param>
    public static IEnumerable<Check> Run(string? directory, CpuReport cpu)
    {
        var name = directory is null ? "demo model" : "model";
        var path = directory;
        ModelConfig? config = null;
        Check? missing = null;
        try
        {
            path ??= DemoModel.Find();
            config = TunaModel.ReadConfig(path);
            var tokenizer = Tokenizer.Load(Path.Combine(path, "tokenizer.json"));
            if (tokenizer.VocabularySize > config.VocabSize)
                throw new ModelException($"{path}: the tokenizer has {tokenizer.VocabularySize} tokens, more than the model's {config.VocabSize}");
        }
        catch (ModelException e)
        {
            missing = new(name, path is null || !Path.Exists(path) ? CheckStatus.Missing : CheckStatus.Problem, e.Message,
                directory is null ? "without it every command needs --model; install tuna2 anew to have it" : "a model is a directory with config.json, tokenizer.json and model*.safetensors") { Needed = true };
        }
        if (missing is not null)
            return [missing];
        return Weights(name, path!, config!, cpu);
    }

    private static IEnumerable<Check> Weights(string name, string path, ModelConfig config, CpuReport cpu)
    {
        Checkpoint checkpoint;
        try
        {
            checkpoint = Checkpoint.Open(path);
        }
        catch (ModelException e)
        {
            return [new(name, CheckStatus.Problem, e.Message, "download the weights again") { Needed = true }];
        }
        using (checkpoint)
        {
            try
            {
                WeightsManifest.Check(config, checkpoint);
                var needed = MemoryEstimate.Generate(config, checkpoint).TotalBytes;
                var picture = string.Create(CultureInfo.InvariantCulture, $"a picture of {config.Defaults.Width}x{config.Defaults.Height} takes {ByteCount.Of(needed)}; {ByteCount.Of(cpu.AvailableBytes)} are available");
                return
                [
                    Check.Ok(name, string.Create(CultureInfo.InvariantCulture, $"{path}: {checkpoint.Tensors.Count} tensors, {ByteCount.Of(checkpoint.TotalBytes)}, all as the manifest has them")) with { Needed = true },
                    needed <= cpu.AvailableBytes
                        ? Check.Ok($"{name} memory", picture) with { Needed = true }
                        : new($"{name} memory", CheckStatus.Problem, picture, "close other programs, or use a machine with more memory") { Needed = true },
                ];
            }
            catch (ModelException e)
            {
                return [new(name, CheckStatus.Problem, e.Message, "these weights are not those of this config.json; download both again") { Needed = true }];
            }
        }
    }
}
