using Tuna2.Engine.Models;

namespace Tuna2.Engine.Weights;

/// <summary>A checkpoint the manifest knows by name.</summary>
public sealed record ManifestCheckpoint
{
    /// <summary>Its name, such as <c>tuna_2_pixel_7b</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The shape of the model.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>The text of its config.json, for a model directory that has none.</summary>
    public required string ConfigJson { get; init; }

    /// <summary>The type the official code runs its weights in, but for the VAE, which runs in float32.</summary>
    public required DType DType { get; init; }

    /// <summary>How many tensors it must have; optional ones are not counted.</summary>
    public required int TensorCount { get; init; }

    /// <summary>How many numbers they hold together.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Its files, where they are known; empty where none was published when the manifest was written.</summary>
    public required IReadOnlyList<ManifestFile> Files { get; init; }

    /// <summary>Where this repository has it, relative to its root; null where it does not.</summary>
    public string? Directory { get; init; }
}
