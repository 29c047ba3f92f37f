namespace Tuna2.Engine.Models;

/// <summary>Where the parts of a model lie.</summary>
/// <param name="Name">What the model is called.</param>
/// <param name="Config">config.json.</param>
/// <param name="Tokenizer">tokenizer.json.</param>
/// <param name="Weights">A directory with model*.safetensors, or one file.</param>
internal sealed record ModelFiles(string Name, string Config, string Tokenizer, string Weights)
{
    /// <summary>The parts of a model directory.</summary>
    /// <exception cref="ModelException">There is no such directory, or it has no config.json.</exception>
    public static ModelFiles Of(string directory)
    {
        if (!Directory.Exists(directory))
            throw new ModelException(File.Exists(directory)
                ? $"{directory}: a file, not a model directory with config.json, tokenizer.json and model*.safetensors"
                : $"{directory}: no such model directory");
        var config = Path.Combine(directory, ModelConfig.FileName);
        if (!File.Exists(config))
            throw new ModelException($"{directory}: not a model directory: it has no {ModelConfig.FileName}");
        var tokenizer = Path.Combine(directory, "tokenizer.json");
        if (!File.Exists(tokenizer))
            throw new ModelException($"{directory}: the model has no tokenizer.json");
        return new ModelFiles(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))), config, tokenizer, directory);
    }
}
