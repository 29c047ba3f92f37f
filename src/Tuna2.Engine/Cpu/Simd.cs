using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// What a kernel needs of a vector, so that each kernel is written once and compiled for every width: the JIT (and NativeAOT)
/// specialise a generic over structs, and every member below becomes an instruction or two.
/// </summary>
internal unsafe interface ISimd<V> where V : struct
{
    /// <summary>Elements of a vector.</summary>
    static abstract int Width { get; }

    static abstract V Load(float* p);
    static abstract void Store(float* p, V v);
    static abstract V Broadcast(float x);

    /// <summary>Widens bfloat16 elements.</summary>
    static abstract V LoadBF16(ushort* p);

    static abstract V Add(V a, V b);
    static abstract V Subtract(V a, V b);
    static abstract V Multiply(V a, V b);
    static abstract V Divide(V a, V b);

    /// <summary>The larger; b where that is NaN, and NaN or b where a is.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The smaller; b where that is NaN, and NaN or b where a is.</summary>
    static abstract V Min(V a, V b);

    /// <summary>a * b + c with one rounding.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>The number whose exponent field is the lowest bits of a's: see <see cref="CpuExp"/>.</summary>
    static abstract V ToExponent(V a);

    static abstract float Sum(V a);

    /// <summary>The largest element; where one is NaN, it or another.</summary>
    static abstract float Largest(V a);
}

internal readonly unsafe struct ScalarSimd : ISimd<float>
{
    public static int Width => 1;
    public static float Load(float* p) => *p;
    public static void Store(float* p, float v) => *p = v;
    public static float Broadcast(float x) => x;
    public static float LoadBF16(ushort* p) => BitConverter.UInt32BitsToSingle((uint)*p << 16);
    public static float Add(float a, float b) => a + b;
    public static float Subtract(float a, float b) => a - b;
    public static float Multiply(float a, float b) => a * b;
    public static float Divide(float a, float b) => a / b;
    public static float Max(float a, float b) => a > b ? a : b;
    public static float Min(float a, float b) => a < b ? a : b;
    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);
    public static float ToExponent(float a) => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(a) << 23);
    public static float Sum(float a) => a;
    public static float Largest(float a) => a;
}

internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Width => 4;
    public static Vector128<float> Load(float* p) => Vector128.Load(p);
    public static void Store(float* p, Vector128<float> v) => v.Store(p);
    public static Vector128<float> Broadcast(float x) => Vector128.Create(x);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadBF16(ushort* p) => (Vector128.WidenLower(Vector64.Load(p).ToVector128()) << 16).AsSingle();
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);
    public static Vector128<float> Fma(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.FusedMultiplyAdd(a, b, c);
    public static Vector128<float> ToExponent(Vector128<float> a) => (a.AsUInt32() << 23).AsSingle();
    public static float Sum(Vector128<float> a) => Vector128.Sum(a);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector128<float> a)
    {
        a = Vector128.MaxNative(a, Vector128.Shuffle(a, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(a, Vector128.Shuffle(a, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}

internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Width => 8;
    public static Vector256<float> Load(float* p) => Vector256.Load(p);
    public static void Store(float* p, Vector256<float> v) => v.Store(p);
    public static Vector256<float> Broadcast(float x) => Vector256.Create(x);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBF16(ushort* p) => (Vector256.WidenLower(Vector128.Load(p).ToVector256()) << 16).AsSingle();
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);
    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);
    public static Vector256<float> ToExponent(Vector256<float> a) => (a.AsUInt32() << 23).AsSingle();
    public static float Sum(Vector256<float> a) => Vector256.Sum(a);
    public static float Largest(Vector256<float> a) => Simd128.Largest(Vector128.MaxNative(a.GetLower(), a.GetUpper()));
}

internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Width => 16;
    public static Vector512<float> Load(float* p) => Vector512.Load(p);
    public static void Store(float* p, Vector512<float> v) => v.Store(p);
    public static Vector512<float> Broadcast(float x) => Vector512.Create(x);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBF16(ushort* p) => (Vector512.WidenLower(Vector256.Load(p).ToVector512()) << 16).AsSingle();
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
    public static Vector512<float> ToExponent(Vector512<float> a) => (a.AsUInt32() << 23).AsSingle();
    public static float Sum(Vector512<float> a) => Vector512.Sum(a);
    public static float Largest(Vector512<float> a) => Simd256.Largest(Vector256.MaxNative(a.GetLower(), a.GetUpper()));
}
