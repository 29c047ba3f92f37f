namespace Tuna2.Engine.Sampling;

/// <summary>
/// MT19937, the 32-bit Mersenne Twister of Matsumoto and Nishimura (1998), seeded with their 2002 initialisation:
/// the engine under torch's CPU generator and C++'s <c>std::mt19937</c>.
/// </summary>
internal sealed class MersenneTwister
{
    private const int StateSize = 624;
    private const int ShiftSize = 397;

    private readonly uint[] _state = new uint[StateSize];
    private int _next = StateSize;

    public MersenneTwister(uint seed)
    {
        _state[0] = seed;
        for (var i = 1; i < StateSize; i++)
            _state[i] = 1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30)) + (uint)i;
    }

    public uint Next()
    {
        if (_next == StateSize) Twist();
        var y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680;
        y ^= (y << 15) & 0xefc60000;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        for (var i = 0; i < StateSize; i++)
        {
            var y = (_state[i] & 0x80000000) | (_state[(i + 1) % StateSize] & 0x7fffffff);
            _state[i] = _state[(i + ShiftSize) % StateSize] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0df);
        }
        _next = 0;
    }
}
