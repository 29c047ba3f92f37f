namespace Tuna2.Engine.Sampling;

/// <summary>
/// Classifier-free guidance: how strongly, and over which times. Strength 1 is the conditional branch alone; 0, which the
/// official code cannot run, means the same. Outside the interval the strength is 1 (MODEL.md section 4).
/// </summary>
/// <param name="Scale">Strength g of x0 = u + g (c - u).</param>
/// <param name="Low">Lower end of the interval; 0 includes t = 0.</param>
/// <param name="High">Upper end, exclusive.</param>
internal readonly record struct Guidance(float Scale, float Low = 0, float High = 1)
{
    /// <summary>Whether any step needs the unconditional branch.</summary>
    public bool Needed => Scale is not (0 or 1);

    /// <summary>The strength at a time.</summary>
    public float At(float time) => Needed && time < High && (Low == 0 || time > Low) ? Scale : 1;
}
