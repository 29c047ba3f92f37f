using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// Eight-bit floats (<see cref="Weights.E4M3"/>), each in the highest byte of a 32-bit lane, as float32: exponent and mantissa four bits
/// down, where they are those of a float32 2^120 times smaller, subnormals included. Whatever the lower bytes are.
/// </summary>
internal static class E4M3Lanes
{
    private const uint Sign = 0x80000000, Rest = 0x7F000000;
    private const float Up = 1.32922800e36f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Widen(Vector128<uint> top) =>
        (top & Vector128.Create(Sign) | (top & Vector128.Create(Rest)) >> 4).AsSingle() * Vector128.Create(Up);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Widen(Vector256<uint> top) =>
        (top & Vector256.Create(Sign) | (top & Vector256.Create(Rest)) >> 4).AsSingle() * Vector256.Create(Up);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen(Vector512<uint> top) =>
        (top & Vector512.Create(Sign) | (top & Vector512.Create(Rest)) >> 4).AsSingle() * Vector512.Create(Up);
}
