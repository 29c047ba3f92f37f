using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>Widens signed bytes.</summary>
    static abstract V LoadInt8(sbyte* p);

    /// <summary>Widens eight-bit floats (<see cref="Weights.E4M3"/>), none of them NaN.</summary>
    static abstract V LoadE4M3(byte* p);

    /// <summary>Widens nibbles of <see cref="Graph.Precision.Int4"/>.</summary>
    /// <param name="row">The first byte of a row.</param>
    /// <param name="i">The first element, a multiple of the width.</param>
    static abstract V LoadInt4(byte* row, nint i);

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
    public static float LoadInt8(sbyte* p) => *p;
    public static float LoadE4M3(byte* p) => Weights.E4M3.Value(*p);

    /// <summary>A nibble to the top of its word, and back with its sign.</summary>
    public static float LoadInt4(byte* row, nint i) => (int)(((uint*)row)[i / 8] << (int)(28 - i % 8 / 2 * 4 - i % 2 * 16)) >> 28;
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadInt8(sbyte* p) =>
        Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<int>(p)).AsSByte())));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadE4M3(byte* p) => E4M3Lanes.Widen(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(p)).AsByte())) << 24);
    /// <summary>Half of a word's nibbles to the tops of lanes, by factors that are powers of two, and back with their signs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadInt4(byte* row, nint i)
    {
        var word = Vector128.Create(((uint*)row)[i / 8]);
        var tops = i % 8 == 0 ? word * Vector128.Create(1u << 28, 1u << 12, 1u << 24, 1u << 8) : word * Vector128.Create(1u << 20, 1u << 4, 1u << 16, 1u);
        return Vector128.ConvertToSingle(tops.AsInt32() >> 28);
    }
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadInt8(sbyte* p) => Avx2.IsSupported
        ? Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(p))
        : Vector256.Create(Simd128.LoadInt8(p), Simd128.LoadInt8(p + Simd128.Width));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadE4M3(byte* p) => E4M3Lanes.Widen(Vector256.WidenLower(Vector256.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(p)).AsByte().ToVector256Unsafe())) << 24);
    /// <summary>A word's nibbles, each to the top of a lane and back with its sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadInt4(byte* row, nint i) => Avx2.IsSupported
        ? Avx.ConvertToVector256Single(Avx2.ShiftLeftLogicalVariable(Vector256.Create(*(uint*)(row + i / 2)), Vector256.Create(28u, 12, 24, 8, 20, 4, 16, 0)).AsInt32() >> 28)
        : Vector256.Create(Simd128.LoadInt4(row, i), Simd128.LoadInt4(row, i + Simd128.Width));
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt8(sbyte* p) => Vector512.ConvertToSingle(Vector512.WidenLower(Vector512.WidenLower(Vector128.Load(p).ToVector256Unsafe().ToVector512Unsafe())));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadE4M3(byte* p) => E4M3Lanes.Widen(Vector512.WidenLower(Vector512.WidenLower(Vector128.Load(p).ToVector256Unsafe().ToVector512Unsafe())) << 24);
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt4(byte* row, nint i) => Vector512.Create(Simd256.LoadInt4(row, i), Simd256.LoadInt4(row, i + Simd256.Width));
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
