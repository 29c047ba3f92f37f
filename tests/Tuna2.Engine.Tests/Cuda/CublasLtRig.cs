using System.Runtime.InteropServices;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Native;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>Products by the fake cuBLASLt on the fake driver's first device, and their operands.</summary>
internal sealed class CublasLtRig : IDisposable
{
    public CublasLtRig(ProductTuning? tuning = null, Action<FakeDriver, FakeCublasLt>? arrange = null)
    {
        Driver = new();
        Fake = new(Driver);
        arrange?.Invoke(Driver, Fake);
        Gpu = new(Driver);
        try
        {
            Lt = new(Gpu.Context, Fake.Load());
            Products = new(Lt, Gpu.Stream, Gpu.Memory, tuning);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public FakeDriver Driver { get; }
    public FakeCublasLt Fake { get; }
    public FakeGpu Gpu { get; }
    public CublasLtHandle Lt { get; } = null!;
    public CublasLtProducts Products { get; } = null!;

    public ProductCase Case(ProductShape shape, Func<float, float>? bias = null, bool inPlace = false) => new(this, shape, bias, inPlace);

    public void Dispose()
    {
        Products?.Dispose();
        Lt?.Dispose();
        Gpu.Dispose();
        Fake.Dispose();
        Driver.Dispose();
    }
}

/// <summary>A product's operands in the fake device's memory, and what they must come to.</summary>
internal sealed class ProductCase : IDisposable
{
    private readonly CublasLtRig _rig;
    private readonly ProductShape _shape;
    private readonly List<IAddressable> _buffers = [];
    private readonly IAddressable _y;
    private readonly float[] _x, _w, _bias, _residual;

    public ProductCase(CublasLtRig rig, ProductShape shape, Func<float, float>? bias, bool inPlace)
    {
        (_rig, _shape) = (rig, shape);
        var random = new Random(shape.M * 7919 + shape.N * 31 + shape.K);
        _x = shape.Element.Random(random, shape.M * shape.K);
        _w = shape.Element.Random(random, shape.N * shape.K);
        // Biases as bfloat16 checkpoints have them, unless the test wants others.
        _bias = [.. ElementType.BF16.Random(random, shape.N).Select(b => bias?.Invoke(b) ?? b)];
        _residual = shape.Element.Random(random, shape.M * shape.N);

        _y = shape.Residual && inPlace ? New(shape.Output, _residual) : New(shape.Output, [.. Enumerable.Repeat(float.NaN, shape.M * shape.N)]);
        var residual = !shape.Residual ? 0 : inPlace ? _y.Address : New(shape.Output, _residual).Address;
        var weight = shape.Bias ? new Weight(["bias"], 1, shape.N, Precision.F32, New(ElementType.F32, _bias), 0) : null;
        var (x, xScales) = Factor(_x);
        var (w, wScales) = Factor(_w);
        Product = new(shape, x, w, _y.Address, weight, residual, xScales, wScales);
    }

    public Product Product { get; init; }

    /// <summary>What came out.</summary>
    public float[] Result
    {
        get
        {
            var bytes = new byte[_y.Bytes];
            _rig.Gpu.Memory.Download(_y, 0, bytes);
            return _shape.Output == ElementType.F32
                ? MemoryMarshal.Cast<byte, float>(bytes).ToArray()
                : [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(h => BitConverter.UInt32BitsToSingle((uint)h << 16))];
        }
    }

    /// <summary>What the CPU backend makes of the same numbers.</summary>
    public float[] OnCpu()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var y = rig.Value("y", _shape.M, _shape.N);
        rig.Run(
            new Ops.MatMul("product", rig.Value("x", _shape.M, _shape.K, _x), _shape.Fp8 ? rig.Quantized(_shape.N, _shape.K, Precision.Fp8, _w).Weight : rig.Weight(_shape.N, _shape.K, Precision.F32, _w), y,
                _shape.Bias ? rig.Vector(_bias) : null, _shape.Residual ? rig.Value("residual", _shape.M, _shape.N, _residual) : null, activation: _shape.Activation),
            new Batch { Sequences = [new Sequence(0, _shape.M, 0, 0, 0, -1, null)] });
        return rig.Read(y);
    }

    public void Dispose() => _buffers.ForEach(b => b.Dispose());

    /// <summary>A factor in memory, and its rows' scales.</summary>
    private (ulong Elements, ulong Scales) Factor(float[] values)
    {
        if (!_shape.Fp8)
            return (New(_shape.Element, values).Address, 0);
        var quantized = QuantizedOperand.Of(Precision.Fp8, values, values.Length / _shape.K, _shape.K);
        return (New(quantized.Elements).Address, New(quantized.Scales).Address);
    }

    private IAddressable New(ElementType type, float[] values)
    {
        return New(type == ElementType.F32
            ? MemoryMarshal.AsBytes(values.AsSpan())
            : MemoryMarshal.AsBytes<ushort>([.. values.Select(v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))]));
    }

    private IAddressable New(ReadOnlySpan<byte> bytes)
    {
        var buffer = _rig.Gpu.Memory.Allocate(bytes.Length, "operand");
        _buffers.Add(buffer);
        _rig.Gpu.Memory.Upload(bytes, buffer, 0);
        return buffer;
    }
}
