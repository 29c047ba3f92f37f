namespace Tuna2.Engine.Cpu;

/// <summary>
/// Where one coordinate of a resized table comes from, as torch's upsample_bicubic2d has it: four neighbours, weighted by the
/// cubic convolution of A = -0.75, half-pixel centres, the edge repeated, no antialiasing. Not PIL's bicubic.
/// </summary>
/// <param name="first">The first neighbour; may lie before the table.</param>
/// <param name="fraction">How far the coordinate lies from the second neighbour to the third.</param>
/// <param name="size">Elements of the table along this side.</param>
internal readonly struct Bicubic(int first, float fraction, int size)
{
    /// <summary>Neighbours taken.</summary>
    public const int Taps = 4;

    private const float A = -0.75f;

    /// <summary>For element <paramref name="index"/> of <paramref name="count"/>, out of a table of <paramref name="size"/>.</summary>
    public static Bicubic Of(int index, int count, int size)
    {
        var source = (float)size / count * (index + 0.5f) - 0.5f;
        var below = MathF.Floor(source);
        return new((int)below - 1, source - below, size);
    }

    /// <summary>The table's element for a tap.</summary>
    public int Index(int tap) => Math.Clamp(first + tap, 0, size - 1);

    /// <summary>Its weight.</summary>
    public float Weight(int tap) => tap switch
    {
        0 => Far(fraction + 1),
        1 => Near(fraction),
        2 => Near(1 - fraction),
        _ => Far(2 - fraction),
    };

    private static float Near(float x) => ((A + 2) * x - (A + 3)) * x * x + 1;

    private static float Far(float x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
}
