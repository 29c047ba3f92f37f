namespace Tuna2.Engine.Models;

/// <summary>
/// The scaling of rotary frequencies of Llama 3: wavelengths above original / low are stretched by the factor, those below
/// original / high stay, those between are blended. The initial values are the official ones, used where a config names none.
/// </summary>
public sealed record RopeScaling
{
    /// <summary>By how much low frequencies are divided.</summary>
    public float Factor { get; init; } = 32;

    /// <summary>Wavelengths longer than the original length divided by this are scaled in full.</summary>
    public float LowFreqFactor { get; init; } = 1;

    /// <summary>Wavelengths shorter than the original length divided by this are not scaled.</summary>
    public float HighFreqFactor { get; init; } = 4;

    /// <summary>The context length before scaling, in tokens.</summary>
    public int OriginalMaxPositionEmbeddings { get; init; } = 8192;
}
