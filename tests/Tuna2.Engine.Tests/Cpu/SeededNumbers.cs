using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Cpu;

/// <summary>Test data: the same numbers in every run.</summary>
internal sealed class SeededNumbers(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>Numbers between -1 and 1, times a scale.</summary>
    public float[] Floats(int count, float scale = 1)
    {
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
            numbers[i] = (2 * _random.NextSingle() - 1) * scale;
        return numbers;
    }

    /// <summary>Numbers that a weight of that precision holds exactly.</summary>
    public float[] Floats(int count, Precision precision)
    {
        var numbers = Floats(count);
        if (precision == Precision.BF16)
            for (var i = 0; i < count; i++)
                numbers[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(numbers[i]) & 0xFFFF0000);
        return numbers;
    }

    /// <summary>A number from 0 to below the bound.</summary>
    public int Below(int bound) => _random.Next(bound);
}
