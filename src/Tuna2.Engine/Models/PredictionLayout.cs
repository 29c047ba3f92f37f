namespace Tuna2.Engine.Models;

/// <summary>Which pixels the values that the flow head predicts for one token are.</summary>
public enum PredictionLayout
{
    /// <summary>Consecutive pixels of the flattened picture, as in the released models: token i has pixels 256 i to 256 i + 255.</summary>
    Raster,
    /// <summary>The pixels of the token's own patch.</summary>
    Patch,
}
