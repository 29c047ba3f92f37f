namespace Tuna2.Engine.Sampling;

/// <summary>
/// Float32 logarithm, sine and cosine that are the same to the bit on every machine, which <see cref="MathF"/>, the system's
/// C library, is not.
/// </summary>
/// <remarks>
/// The table and minimax polynomials of Arm's optimized-routines (logf, sinf, cosf; Arm Limited, 2017-2018, MIT licence),
/// evaluated in double and rounded once. glibc uses them too, and with it torch's scalar normal fill on Linux: for each of
/// the 2^24 uniform values that noise is made from, the results are those of glibc 2.28 and later to the bit.
/// </remarks>
internal static class PortableMath
{
    /// <summary>Where the logarithm's sixteen intervals start: their octave runs from 0.699 to 1.398, 1 being a centre.</summary>
    private const int IntervalOrigin = 0x3f330000;

    /// <summary>Of each interval, 1/c and ln c for a c near its centre.</summary>
    private static readonly (double Inverse, double Log)[] Intervals =
    [
        (1.398907162146528, -0.33569133332882284),
        (1.3403141896637998, -0.2929040563774074),
        (1.286432210124115, -0.2518726580937369),
        (1.2367150214269895, -0.21245868807117255),
        (1.1906977166711752, -0.17453945183745634),
        (1.1479821020556429, -0.1380057072319758),
        (1.1082251448272158, -0.10275976698545139),
        (1.0711297413057381, -0.06871392447020525),
        (1.036437278977283, -0.0357891387398228),
        (1, 0),
        (0.9492859795739057, 0.05204517742929496),
        (0.8951049428609004, 0.11081431298787942),
        (0.8476821620351103, 0.1652495223695143),
        (0.8050314851692001, 0.21687389031699977),
        (0.7664671008843108, 0.2659635028121397),
        (0.731428603316328, 0.3127556664073557),
    ];

    /// <summary>The natural logarithm of a positive, normal, finite value: ln(2^k z) = k ln 2 + ln c + ln(1 + (z/c - 1)).</summary>
    public static float Log(float value)
    {
        var bits = BitConverter.SingleToInt32Bits(value);
        var offset = bits - IntervalOrigin;
        var exponent = offset >> 23;
        var (inverse, log) = Intervals[(offset >> 19) & 15];
        var r = BitConverter.Int32BitsToSingle(bits - (exponent << 23)) * inverse - 1;
        var tail = -0.25089342214237154 * (r * r) + (0.333456765744066 * r - 0.4999997485802103);
        return (float)(tail * (r * r) + (log + exponent * 0.6931471805599453 + r));
    }

    /// <summary>Sine and cosine of an angle in radians, 0 to 100: by quarter turns, then polynomials on [-pi/4, pi/4].</summary>
    public static (float Sine, float Cosine) SinCos(float angle)
    {
        var quarters = (int)(angle * 0.6366197723675814 + 0.5);
        var x = angle - quarters * (Math.PI / 2);
        var square = x * x;
        var cube = x * square;
        var fourth = square * square;
        var sine = (float)(x + cube * -0.16666654943701084
            + cube * square * (0.008332178146138854 + square * -0.00019517298981385725));
        var cosine = (float)(1 + square * -0.49999999725108224 + fourth * 0.041666623324344516
            + fourth * square * (-0.001388676379437604 + square * 2.4390450703564542e-05));
        return (quarters & 3) switch
        {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        };
    }
}
