namespace Tuna2.Engine;

/// <summary>How a denoising step moves along the model's velocity.</summary>
public enum SamplerKind
{
    /// <summary>One model evaluation a step.</summary>
    Euler,
    /// <summary>Two evaluations a step, the velocity averaged over both ends; the last step is an Euler step.</summary>
    Heun,
}
