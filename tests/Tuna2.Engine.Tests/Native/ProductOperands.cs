using Tuna2.Bench.Cases;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What a product is asked for beyond x w^T.</summary>
public enum ProductForm
{
    Plain,
    Bias,
    Residual,

    /// <summary>The residual is the output.</summary>
    InPlace,

    /// <summary>Bias, gate and residual, in rows of two modulated sequences and of text between them.</summary>
    Gated,

    /// <summary>The same, and the residual is the output.</summary>
    GatedInPlace,

    /// <summary>Gate rows, then up rows; nothing follows.</summary>
    SwiGlu,

    /// <summary>Bias and GELU by tanh.</summary>
    GeluTanh,

    /// <summary>Bias and GELU by the error function.</summary>
    Gelu,

    /// <summary>Bias, GELU by tanh, gate and residual.</summary>
    GatedGeluTanh,

    /// <summary>Bias, GELU by the error function, gate and residual, which is the output.</summary>
    GatedGeluInPlace,
}

/// <summary>A size of a product.</summary>
public readonly record struct ProductSize(int Rows, int N, int K)
{
    /// <summary>Sizes around the edges of tiles and vectors.</summary>
    public static readonly ProductSize[] Awkward =
    [
        new(1, 1, 8), new(1, 267, 264), new(17, 1, 264), new(17, 63, 24), new(19, 64, 40), new(19, 129, 192), new(129, 65, 264), new(129, 267, 40), new(989, 33, 24),
    ];

    public override string ToString() => $"{Rows}x{N}x{K}";
}

/// <summary>A product's operands in the host runner's memory, and what they must come to.</summary>
internal sealed class ProductOperands : IDisposable
{
    private const int Times = 2;

    private static readonly int[] _modRows = [1, -1, 0];

    private readonly ElementType _output;
    private readonly ProductForm _form;
    private readonly float[] _x;
    private readonly float[] _w;
    private readonly bool _roundsWeight;
    private readonly float[] _bias;
    private readonly float[] _residual;
    private readonly float[] _table;
    private readonly List<Sequence> _sequences = [];

    public ProductOperands(ElementType element, ElementType output, ProductSize size, ProductForm form, Precision? quantized = null, bool tensorCore = false)
    {
        (_output, _form, Size) = (output, form, size);
        // Nibbles times their scale are rounded to be operands of the tensor core.
        _roundsWeight = tensorCore && quantized == Precision.Int4;
        var random = new Random(size.Rows * 7919 + size.N * 31 + size.K);
        // A single column has nothing but itself to be judged by: its terms must not cancel.
        double mean = size.N == 1 ? 1 : 0, spread = size.N == 1 ? 0.5 : 1;
        _x = element.Random(random, size.Rows * size.K, spread, mean);
        _w = element.Random(random, Activation.Products() * size.N * size.K, spread / 2, mean / 2);
        _bias = ElementType.F32.Random(random, size.N, mean: mean);
        _residual = element.Random(random, size.Rows * size.N, scale: spread * 3, mean: mean * 8);
        _table = ElementType.F32.Random(random, Times * TableColumns, scale: 0.3, mean: 1);
        var rowSequence = Enumerable.Range(0, size.Rows).Select(r => r * _modRows.Length / size.Rows).ToArray();
        for (var s = 0; s < _modRows.Length; s++)
            if (rowSequence.Count(i => i == s) is > 0 and var length)
                _sequences.Add(new Sequence(_sequences.Sum(q => q.QLen), length, 0, 0, 0, _modRows[s], null));

        X = element.Input("x", _x);
        if (quantized is { } precision)
        {
            var operand = QuantizedOperand.Of(precision, _w, _w.Length / size.K, size.K);
            (_w, W, Scales) = (operand.Values, HostBuffer.Input<byte>("w", operand.Elements), HostBuffer.Input<byte>("scales", operand.Scales));
        }
        else
        {
            W = element.Input("w", _w);
        }
        Y = InPlace ? element.Updated("y", _residual) : output.Output("y", size.Rows * size.N);
        var bias = HostBuffer.Input<float>("bias", _bias);
        var residual = element.Input("residual", _residual);
        var table = HostBuffer.Input<float>("table", _table);
        var sequences = HostBuffer.Input<SequenceEntry>("sequences", [.. _modRows.Select(m => new SequenceEntry { ModRow = m })]);
        var rows = HostBuffer.Input<int>("row_sequence", rowSequence);
        Buffers = [X, W, .. Scales is { } scales ? new[] { scales } : [], Y, bias, residual, table, sequences, rows];
        Epilogue = new EpilogueArgs
        {
            Bias = HasBias ? bias.Address : 0,
            Residual = InPlace ? Y.Address : HasResidual ? residual.Address : 0,
            Table = Gated ? table.Address : 0,
            Sequences = sequences.Address,
            RowSequence = rows.Address,
            TableColumns = TableColumns,
            Gate = GateColumn,
        };
    }

    public ProductSize Size { get; }

    public HostBuffer X { get; }

    public HostBuffer W { get; }

    /// <summary>Of a quantized weight.</summary>
    public HostBuffer? Scales { get; }

    public HostBuffer Y { get; }

    public HostBuffer[] Buffers { get; }

    public EpilogueArgs Epilogue { get; }

    public Activation Activation => _form switch
    {
        ProductForm.GeluTanh or ProductForm.GatedGeluTanh => Activation.GeluTanh,
        ProductForm.Gelu or ProductForm.GatedGeluInPlace => Activation.Gelu,
        ProductForm.SwiGlu => Activation.SwiGlu,
        _ => Activation.None,
    };

    private bool Gated => _form is ProductForm.Gated or ProductForm.GatedInPlace or ProductForm.GatedGeluTanh or ProductForm.GatedGeluInPlace;

    private bool InPlace => _form is ProductForm.InPlace or ProductForm.GatedInPlace or ProductForm.GatedGeluInPlace;

    private bool HasBias => Gated || Activation is Activation.GeluTanh or Activation.Gelu || _form == ProductForm.Bias;

    private bool HasResidual => Gated || InPlace || _form == ProductForm.Residual;

    // The gate lies in the table behind two vectors of somebody else's.
    private int GateColumn => 2 * Size.N;

    private int TableColumns => 3 * Size.N;

    /// <summary>The output as it is now, beside its references.</summary>
    public HostResult Result()
    {
        return new(
            _output.Read(Y), Array.ConvertAll(Reference(single: false), v => (float)v), Array.ConvertAll(Reference(single: true), v => _output.Round(v)), Size.N, _output);
    }

    /// <summary>The CPU backend's output.</summary>
    public float[] OnCpu()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var (rows, n, k) = Size;
        var batch = new Batch { Sequences = _sequences };
        var y = rig.Value("y", rows, n);
        rig.Run(new Ops.MatMul("product", rig.Value("x", rows, k, _x), rig.Weight(n * Activation.Products(), k, Precision.F32, _w), y, HasBias ? rig.Vector(_bias) : null,
            HasResidual ? rig.Value("residual", rows, n, _residual) : null, Gated ? new Modulation(rig.Value("table", Times, TableColumns, _table), 2) : null, Activation), batch);
        return rig.Read(y);
    }

    public void Dispose()
    {
        foreach (var buffer in Buffers)
            buffer.Dispose();
    }

    private double[] Reference(bool single) => new ProductReference(
        _x, single && _roundsWeight ? Array.ConvertAll(_w, w => ElementType.BF16.Round(w)) : _w, Size.Rows, Size.N, Size.K, HasBias ? _bias : null, Activation, Gated ? GateOf : null, HasResidual ? _residual : null).Values(single);

    private float GateOf(int row, int column) => _modRows[row * _modRows.Length / Size.Rows] is >= 0 and var mod ? _table[mod * TableColumns + GateColumn + column] : 1;
}
