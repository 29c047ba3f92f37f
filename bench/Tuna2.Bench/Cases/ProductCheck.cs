using System.Globalization;
using System.Runtime.InteropServices;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Parity;
using Tuna2.Engine.Weights;
using static Tuna2.Engine.Kernels.ElementType;

namespace Tuna2.Bench.Cases;

/// <summary>
/// A product's kernel at a size that fits no tile, beside float64: what is timed must first be right. A model launches few of the
/// instances there are, so its parity does not stand for this. cuBLASLt's products are checked alike, of bfloat16 and of eight-bit floats.
/// </summary>
/// <param name="Kernel">The instance, or "cublaslt_e4m3".</param>
/// <param name="Shape">The size and what follows the product: "129 x 67 x 72, bias, gate, residual".</param>
/// <param name="Passed">Whether rounding explains the difference, and nothing behind the output was written.</param>
/// <param name="RelativeError">Of the output, to float64's.</param>
internal sealed record ProductCheck(string Kernel, string Shape, bool Passed, double RelativeError)
{
    private const float Behind = 42;
    private const int Guards = 64, Times = 2;

    /// <summary>Rows of a picture with one modulation, of text, and of a picture with another.</summary>
    private static readonly int[] _modRows = [1, -1, 0];

    private static readonly (int Rows, int N, int K)[] _ragged = [(5, 3, 8), (17, 63, 24), (129, 67, 72), (130, 130, 264), (257, 65, 520)];

    private static readonly (int Rows, int N, int K)[] _byEights = [(5, 8, 8), (129, 72, 72), (257, 136, 264), (265, 64, 520), (520, 200, 136)];

    private static readonly (int Rows, int N, int K)[] _few = [(1, 267, 264), (3, 129, 40), (4, 9, 4104)];

    private static readonly (int Rows, int N, int K)[] _bySixteens = [(5, 16, 16), (129, 80, 272), (257, 208, 528), (520, 64, 1040)];

    private static readonly Form[] _forms =
    [
        new(BF16, BF16), new(BF16, F32), new(BF16, BF16, Activation: Activation.SwiGlu), new(BF16, BF16, Activation: Activation.GeluTanh), new(BF16, BF16, Activation: Activation.Gelu),
        .. new[] { Precision.Int8, Precision.Int4, Precision.Fp8 }.SelectMany(q => new Form[] { new(BF16, BF16, Quantized: q), new(BF16, F32, Quantized: q), new(BF16, BF16, Activation: Activation.SwiGlu, Quantized: q) }),
        new(F32, F32), new(F32, F32, Activation: Activation.SwiGlu), new(F32, F32, Activation: Activation.GeluTanh), new(F32, F32, Activation: Activation.Gelu),
    ];

    /// <summary>What tells instances apart.</summary>
    private sealed record Form(ElementType Element, ElementType Output, Activation Activation = Activation.None, Precision? Quantized = null)
    {
        /// <summary>Hopper's own, or null.</summary>
        public KernelInstance? Hopper => Element == BF16 && Output == BF16 && Quantized is null && MatMulHopper.Takes(8, 8, Activation) ? new MatMulHopper(Activation, 1).Instance : null;

        public KernelInstance Wide => Element == BF16 ? new MatMul(Output == F32, Activation, Quantized).Instance : new MatMulF32(Activation).Instance;

        public KernelInstance Few => new Gemv(Element, Output, Activation, Quantized).Instance;
    }

    /// <summary>Every instance of the products' kernels whose name is chosen: plain, and with all that may follow it; fused SwiGLU, which nothing follows, once.</summary>
    /// <param name="launcher">What runs kernels.</param>
    /// <param name="memory">The memory they reach.</param>
    /// <param name="hopper">The GPU, for Hopper's own instances; null where it is another.</param>
    /// <param name="chosen">Given an instance's name; null for all.</param>
    /// <param name="products">cuBLASLt, or null where it is not. What it says it has and then does not compute has not passed: our kernel would.</param>
    /// <exception cref="DeviceException">A launch failed.</exception>
    public static IEnumerable<ProductCheck> Run(ILauncher launcher, IDeviceMemory memory, HopperDevice? hopper, Func<string, bool>? chosen = null, IProducts? products = null)
    {
        foreach (var element in products is null ? [] : new[] { BF16, ElementType.E4M3 })
            foreach (var (rows, n, k) in _bySixteens)
                foreach (var everything in new[] { false, true })
                {
                    var (name, shape) = ($"cublaslt_{element.Suffix()}", new ProductShape(rows, n, k, element, BF16, Bias: everything, Residual: everything));
                    if (!products!.Has(shape) || chosen?.Invoke(name) == false)
                        continue;
                    using var operands = new Operands(memory, new(element, BF16, Quantized: element == ElementType.E4M3 ? Precision.Fp8 : null), rows, n, k, everything, gated: false);
                    operands.Launch(products, shape, name);
                    yield return operands.Check(name);
                }
        foreach (var form in _forms)
            foreach (var (kernel, sizes) in new[] { (form.Wide, _ragged), (form.Few, _few), (hopper is null ? null : form.Hopper, _byEights) })
                if (kernel is not null && (chosen is null || chosen(kernel.Name)))
                    foreach (var (rows, n, k) in sizes)
                        foreach (var everything in form.Activation == Activation.SwiGlu ? new[] { false } : [false, true])
                        {
                            using var operands = new Operands(memory, form, rows, n, k, everything);
                            operands.Launch(launcher, kernel, few: sizes == _few, sizes == _byEights ? hopper : null);
                            yield return operands.Check(kernel.Name);
                        }
    }

    /// <summary>Operands on the device, and as float32 beside.</summary>
    private sealed class Operands : IDisposable
    {
        private readonly IDeviceMemory _memory;
        private readonly Form _form;
        private readonly int _rows, _n, _k;
        private readonly bool _everything, _gated;
        private readonly List<IAddressable> _buffers = [];
        private readonly float[] _x, _w, _bias, _residual, _table;
        private readonly ulong _xAt, _xScalesAt, _wAt, _scalesAt;
        private readonly Weight? _biasWeight;
        private readonly IAddressable _y;
        private readonly EpilogueArgs _epilogue;

        public Operands(IDeviceMemory memory, Form form, int rows, int n, int k, bool everything, bool gated = true)
        {
            (_memory, _form, _rows, _n, _k, _everything, _gated) = (memory, form, rows, n, k, everything, gated);
            var random = new Random(rows * 7919 + n * 31 + k);
            _x = Numbers(random, form.Element, rows * k, 1);
            _w = Numbers(random, form.Element, form.Activation.Products() * n * k, 0.5f);
            _bias = Numbers(random, gated ? F32 : BF16, n, 1); // cuBLASLt takes those that bfloat16 holds
            _residual = Numbers(random, form.Output == F32 ? form.Element : form.Output, rows * n, 3);
            _table = Numbers(random, F32, Times * 3 * n, 0.3f, mean: 1);
            try
            {
                if (form.Element == ElementType.E4M3)
                {
                    var bytes = QuantizedOperand.Of(Precision.Fp8, _x, rows, k);
                    (_x, _xAt, _xScalesAt) = (bytes.Values, New<byte>(bytes.Elements).Address, New<byte>(bytes.Scales).Address);
                }
                else
                {
                    _xAt = New(form.Element, _x).Address;
                }
                if (form.Quantized is { } precision)
                {
                    var quantized = QuantizedOperand.Of(precision, _w, _w.Length / k, k);
                    (_w, _wAt, _scalesAt) = (quantized.Values, New<byte>(quantized.Elements).Address, New<byte>(quantized.Scales).Address);
                }
                else
                {
                    _wAt = New(form.Element, _w).Address;
                }
                _y = New(form.Output, [.. Enumerable.Repeat(float.NaN, rows * n), .. Enumerable.Repeat(Behind, Guards)]);
                if (!everything)
                    return;
                var bias = New(F32, _bias);
                _biasWeight = new(["bias"], 1, n, Precision.F32, bias, 0);
                _epilogue = new()
                {
                    Bias = bias.Address, Residual = New(form.Output == F32 ? form.Element : form.Output, _residual).Address, Table = New(F32, _table).Address,
                    Sequences = New<DeviceSequence>([.. _modRows.Select(mod => new DeviceSequence(0, 0, 0, 0, 0, mod, 0, 0, 0))]).Address,
                    RowSequence = New<int>([.. Enumerable.Range(0, rows).Select(SequenceOf)]).Address, TableColumns = 3 * n, Gate = 2 * n,
                };
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public void Launch(ILauncher launcher, KernelInstance kernel, bool few, HopperDevice? hopper)
        {
            if (hopper is { Maps: var maps })
                KernelBackend.Launch(launcher, new MatMulHopper(_form.Activation, hopper.Multiprocessors), new MatMulHopperArgs
                {
                    X = maps.MapOf(_xAt, _rows, _k, MatMulHopper.Tokens), XTail = maps.MapOf(_xAt, _rows, _k, MatMulHopper.Tail),
                    W = _form.Activation == Activation.SwiGlu ? maps.MapOfPairs(_wAt, _n, _k) : maps.MapOf(_wAt, _n, _k, MatMulHopper.Weights), Y = _y.Address, Epilogue = _epilogue, M = _rows, N = _n, K = _k,
                }, kernel.Name);
            else if (few)
                KernelBackend.Launch(launcher, new Gemv(_form.Element, _form.Output, _form.Activation, _form.Quantized), new GemvArgs { X = _xAt, W = _wAt, Scales = _scalesAt, Y = _y.Address, Epilogue = _epilogue, M = _rows, N = _n, K = _k }, kernel.Name);
            else if (_form.Element == BF16)
                KernelBackend.Launch(launcher, new MatMul(_form.Output == F32, _form.Activation, _form.Quantized), new MatMulArgs { X = _xAt, W = _wAt, Scales = _scalesAt, Y = _y.Address, Epilogue = _epilogue, M = _rows, N = _n, K = _k }, kernel.Name);
            else
                KernelBackend.Launch(launcher, new MatMulF32(_form.Activation), new MatMulF32Args { X = _xAt, W = _wAt, Y = _y.Address, Epilogue = _epilogue, M = _rows, N = _n, K = _k }, kernel.Name);
        }

        /// <summary>By cuBLASLt. Where it has no algorithm the output stays what it was: NaN.</summary>
        public void Launch(IProducts products, ProductShape shape, string node) =>
            products.TryRun(new(shape, _xAt, _wAt, _y.Address, _biasWeight, _epilogue.Residual, _xScalesAt, _form.Element == ElementType.E4M3 ? _scalesAt : 0), node);

        public ProductCheck Check(string kernel)
        {
            var y = Read();
            var exact = Reference(single: false);
            var error = Comparison.Of(y.AsSpan(0, _rows * _n), exact, _n);
            var passed = error.WithinRounding(Comparison.Of(Rounded(_form.Output, Reference(single: true)), exact, _n), _form.Output == BF16 ? Comparison.BF16Noise : Comparison.F32Noise)
                && y.AsSpan(_rows * _n).IndexOfAnyExcept(Behind) < 0;
            return new(kernel, string.Create(CultureInfo.InvariantCulture, $"{_rows} x {_n} x {_k}{(!_everything ? "" : _gated ? ", bias, gate, residual" : ", bias, residual")}"), passed, error.RelativeError);
        }

        public void Dispose() => _buffers.ForEach(buffer => buffer.Dispose());

        private int SequenceOf(int row) => row * _modRows.Length / _rows;

        private float[] Reference(bool single) => Array.ConvertAll(
            new ProductReference(_x, single && RoundsWeight ? Rounded(BF16, _w) : _w, _rows, _n, _k, _everything ? _bias : null, _form.Activation, _everything && _gated ? Gate : null, _everything ? _residual : null).Values(single), v => (float)v);

        /// <summary>Nibbles times their scale are operands of the tensor core.</summary>
        private bool RoundsWeight => _form.Quantized == Precision.Int4 && _rows > Gemv.MaxRows;

        private float Gate(int row, int column) => _modRows[SequenceOf(row)] is >= 0 and var mod ? _table[mod * 3 * _n + 2 * _n + column] : 1;

        private static float[] Numbers(Random random, ElementType element, int count, float spread, float mean = 0) =>
            Rounded(element, [.. Enumerable.Range(0, count).Select(_ => mean + spread * (2 * random.NextSingle() - 1))]);

        /// <summary>As an element type holds them.</summary>
        private static float[] Rounded(ElementType element, float[] values) => element == F32 ? values : [.. Halves(values).Select(half => BitConverter.UInt32BitsToSingle((uint)half << 16))];

        private static ushort[] Halves(float[] values)
        {
            var halves = new ushort[values.Length];
            FloatConversion.RoundToBF16(values, halves);
            return halves;
        }

        private float[] Read()
        {
            var bytes = new byte[_y.Bytes];
            _memory.Download(_y, 0, bytes);
            return _form.Output == F32
                ? MemoryMarshal.Cast<byte, float>(bytes).ToArray()
                : [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(half => BitConverter.UInt32BitsToSingle((uint)half << 16))];
        }

        private IAddressable New(ElementType element, float[] values) => element == F32 ? New<float>(values) : New<ushort>(Halves(values));

        private IAddressable New<T>(ReadOnlySpan<T> values) where T : unmanaged
        {
            var bytes = MemoryMarshal.AsBytes(values);
            var buffer = _memory.Allocate(bytes.Length, "an operand");
            _buffers.Add(buffer);
            _memory.Upload(bytes, buffer, 0);
            return buffer;
        }
    }
}
