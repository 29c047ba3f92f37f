using System.Runtime.CompilerServices;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// A weight as products read it: elements that are numbers as they lie, or quantized ones, which become numbers on the way into registers
/// (one row of input) or into a panel (several), so that memory gives no more than their bytes.
/// </summary>
internal readonly unsafe struct CpuMatrix
{
    /// <summary>How far ahead a single row is asked for, in bytes: beyond what the processor asks for by itself at the end of a page.</summary>
    private const int DottedAhead = 2048;

    /// <summary>Columns of a 16-byte word of nibbles: whole vectors of every width.</summary>
    private const int WordK = 32;

    /// <summary>Rows of a panel, at most: two of the widest vectors.</summary>
    private const int MaxPanelRows = 32;

    private readonly byte* _elements;
    private readonly byte* _scales;
    private readonly Precision _precision;
    private readonly int _columns;
    private readonly nint _rowBytes;
    private readonly int _group;
    private readonly int _rowScales;

    public CpuMatrix(Weight weight)
    {
        _elements = CpuContext.Matrix(weight);
        (_precision, _columns) = (weight.Precision, weight.Columns);
        _rowBytes = (nint)_precision.RowBytes(_columns);
        if (weight.Scales is not { } scales)
            return;
        _scales = ((CpuBuffer)scales.Buffer).Pointer + scales.Offset;
        (_group, _rowScales) = (scales.Columns, scales.PerRow(_columns));
    }

    /// <summary>The scalar product of a row with x, summed in an order of its own.</summary>
    public float Dot<S, V>(float* x, int row) where S : ISimd<V> where V : struct
    {
        var m = _elements + row * _rowBytes;
        return _precision switch
        {
            Precision.BF16 => Dot<S, V>(x, (ushort*)m, _columns),
            Precision.F32 => Dot<S, V>(x, (float*)m, _columns),
            Precision.Int8 => Dot<S, V>(x, (sbyte*)m, (float*)_scales + (long)row * _rowScales, _columns, _group),
            _ => DotNibbles<S, V>(x, m, (ushort*)_scales + (long)row * _rowScales, _columns, _group),
        };
    }

    /// <summary>A panel of the rows from <paramref name="row"/> on: see <see cref="CpuPanel.Pack"/>.</summary>
    [SkipLocalsInit]
    public void Pack<S, V>(int row, int count, int k0, int depth, float* panel) where S : ISimd<V> where V : struct
    {
        if (_scales is null)
        {
            CpuPanel.Pack<S, V>(_elements, _precision, _columns, row, count, k0, depth, panel);
            return;
        }
        var tile = 2 * S.Width;
        var scales = stackalloc float[MaxPanelRows * (CpuMatMul.BlockK / CpuPanel.ScaledK)];
        var bytes = _precision == Precision.Int8;
        for (var i = 0; i < (bytes ? 1 : depth); i += CpuPanel.ScaledK)
            for (var j = 0; j < tile; j++)
            {
                var of = (long)(row + Math.Min(j, count - 1)) * _rowScales + (k0 + i) / _group;
                scales[i / CpuPanel.ScaledK * tile + j] = bytes ? ((float*)_scales)[of] : ScalarSimd.LoadBF16((ushort*)_scales + of);
            }
        CpuPanel.PackRows<S, V>(_elements + row * _rowBytes + (nint)_precision.RowBytes(k0), _rowBytes, _precision, count, depth, scales, bytes ? 0 : tile, panel);
    }

    /// <summary>Asks for what a <see cref="Pack"/> with the same arguments will read.</summary>
    public void Prefetch(int row, int count, int k0, int depth) =>
        CpuPanel.Prefetch(_elements + row * _rowBytes + (nint)_precision.RowBytes(k0), _rowBytes, count, (nint)_precision.RowBytes(depth));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<S, V>(float* x, ushort* m, int k) where S : ISimd<V> where V : struct
    {
        var w = S.Width;
        V s0 = S.Broadcast(0), s1 = s0, s2 = s0, s3 = s0;
        nint i = 0;
        for (; i <= k - 4 * w; i += 4 * w)
        {
            CpuPanel.Prefetch(m + i + DottedAhead / sizeof(ushort));
            s0 = S.Fma(S.Load(x + i), S.LoadBF16(m + i), s0);
            s1 = S.Fma(S.Load(x + i + w), S.LoadBF16(m + i + w), s1);
            s2 = S.Fma(S.Load(x + i + 2 * w), S.LoadBF16(m + i + 2 * w), s2);
            s3 = S.Fma(S.Load(x + i + 3 * w), S.LoadBF16(m + i + 3 * w), s3);
        }
        var sum = S.Sum(S.Add(S.Add(s0, s1), S.Add(s2, s3)));
        for (; i < k; i++)
            sum += x[i] * ScalarSimd.LoadBF16(m + i);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<S, V>(float* x, float* m, int k) where S : ISimd<V> where V : struct
    {
        var w = S.Width;
        V s0 = S.Broadcast(0), s1 = s0, s2 = s0, s3 = s0;
        nint i = 0;
        for (; i <= k - 4 * w; i += 4 * w)
        {
            CpuPanel.Prefetch(m + i + DottedAhead / sizeof(float));
            s0 = S.Fma(S.Load(x + i), S.Load(m + i), s0);
            s1 = S.Fma(S.Load(x + i + w), S.Load(m + i + w), s1);
            s2 = S.Fma(S.Load(x + i + 2 * w), S.Load(m + i + 2 * w), s2);
            s3 = S.Fma(S.Load(x + i + 3 * w), S.Load(m + i + 3 * w), s3);
        }
        var sum = S.Sum(S.Add(S.Add(s0, s1), S.Add(s2, s3)));
        for (; i < k; i++)
            sum += x[i] * m[i];
        return sum;
    }

    /// <summary>Bytes: a group's whole numbers first, times its scale at its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<S, V>(float* x, sbyte* m, float* scales, int k, int group) where S : ISimd<V> where V : struct
    {
        var w = S.Width;
        var all = 0f;
        for (nint i = 0; i < k; scales++)
        {
            var end = Math.Min(k, i + group);
            V s0 = S.Broadcast(0), s1 = s0, s2 = s0, s3 = s0;
            for (; i <= end - 4 * w; i += 4 * w)
            {
                CpuPanel.Prefetch(m + i + DottedAhead);
                s0 = S.Fma(S.Load(x + i), S.LoadInt8(m + i), s0);
                s1 = S.Fma(S.Load(x + i + w), S.LoadInt8(m + i + w), s1);
                s2 = S.Fma(S.Load(x + i + 2 * w), S.LoadInt8(m + i + 2 * w), s2);
                s3 = S.Fma(S.Load(x + i + 3 * w), S.LoadInt8(m + i + 3 * w), s3);
            }
            var sum = S.Sum(S.Add(S.Add(s0, s1), S.Add(s2, s3)));
            for (; i < end; i++)
                sum += x[i] * m[i];
            all += sum * *scales;
        }
        return all;
    }

    /// <summary>Nibbles: the products of a 16-byte word, times the scale of its group, to sums that run through the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotNibbles<S, V>(float* x, byte* m, ushort* scales, int k, int group) where S : ISimd<V> where V : struct
    {
        var w = S.Width;
        V s0 = S.Broadcast(0), s1 = s0;
        nint i = 0;
        for (; i <= k - WordK;)
        {
            var scale = S.Broadcast(ScalarSimd.LoadBF16(scales++));
            for (var end = Math.Min(k - WordK, i + group - WordK); i <= end; i += WordK)
            {
                CpuPanel.Prefetch(m + i / 2 + DottedAhead);
                V p0 = S.Multiply(S.Load(x + i), S.LoadInt4(m, i)), p1 = S.Multiply(S.Load(x + i + w), S.LoadInt4(m, i + w));
                if (w == WordK / 4)
                {
                    p0 = S.Fma(S.Load(x + i + 2 * w), S.LoadInt4(m, i + 2 * w), p0);
                    p1 = S.Fma(S.Load(x + i + 3 * w), S.LoadInt4(m, i + 3 * w), p1);
                }
                else
                {
                    for (var j = i + 2 * w; j < i + WordK; j += 2 * w)
                    {
                        p0 = S.Fma(S.Load(x + j), S.LoadInt4(m, j), p0);
                        p1 = S.Fma(S.Load(x + j + w), S.LoadInt4(m, j + w), p1);
                    }
                }
                s0 = S.Fma(p0, scale, s0);
                s1 = S.Fma(p1, scale, s1);
            }
        }
        var sum = S.Sum(S.Add(s0, s1));
        // A ragged end: of the group begun, or of one of its own.
        if (i < k && i % group == 0)
            scales++;
        for (; i < k; i++)
            sum += x[i] * (ScalarSimd.LoadInt4(m, i) * ScalarSimd.LoadBF16(scales - 1));
        return sum;
    }
}
