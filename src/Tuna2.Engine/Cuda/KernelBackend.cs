using System.Runtime.InteropServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Weights;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cuda;

/// <summary>Memory that kernels reach by address.</summary>
internal interface IAddressable : IDeviceBuffer
{
    /// <summary>The address kernels use.</summary>
    ulong Address { get; }
}

/// <summary>Device memory, and copies to and from it in the order of launches.</summary>
internal interface IDeviceMemory
{
    /// <summary>Memory aligned to <see cref="Plan.Alignment"/>; contents undefined.</summary>
    /// <exception cref="DeviceException">There is not that much memory.</exception>
    IAddressable Allocate(long bytes, string what);

    /// <summary>Copies host bytes; they are no longer needed when it returns, and there before what is queued next runs.</summary>
    void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset);

    /// <summary>Copies to the host what all that was queued before has left.</summary>
    void Download(IDeviceBuffer source, long offset, Span<byte> destination);

    /// <summary>Copies within the device, behind what was queued before and ahead of what is queued next; within a buffer the two parts must not overlap.</summary>
    void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes);
}

/// <summary>
/// Every op as launches of our kernels. What launches them is behind <see cref="ILauncher"/>: the CUDA driver, or the host
/// runner, which proves the same mapping without a GPU.
/// </summary>
/// <param name="launcher">What runs kernels.</param>
/// <param name="memory">The memory they reach.</param>
/// <param name="element">Element type of activations, caches and matrices.</param>
/// <param name="name">What a user calls the device.</param>
/// <param name="products">Who computes the big products, to be disposed with the backend; null for our own kernels.</param>
/// <param name="queue">Whose turns launches are made in; null where a launch is done when it returns.</param>
/// <param name="loader">Loads what steps of schedules launch, which are then captured and replayed; null where they are not.</param>
/// <param name="hopper">The GPU, where Hopper's own kernels are to run; null for those of all GPUs.</param>
internal sealed partial class KernelBackend(
    ILauncher launcher, IDeviceMemory memory, ElementType element, string name, IProducts? products = null, CudaQueue? queue = null, LoadingLauncher? loader = null,
    HopperDevice? hopper = null) : IBackend
{
    private readonly RotaryTables _rotary = new(memory);
    private readonly IAddressable _constants = Upload(memory, Constants(), "constants");

    /// <summary>Where the second of the constants begins.</summary>
    private static ulong PredictOnlyOffset => (ulong)(TimestepSinusoids.Frequencies.Length * sizeof(float));

    /// <summary>The time's frequencies, then the numbers of a step that only predicts.</summary>
    private static ReadOnlySpan<byte> Constants() =>
        (byte[])[.. MemoryMarshal.AsBytes(TimestepSinusoids.Frequencies), .. MemoryMarshal.AsBytes<StepNumbers>([new(0, 0, 1, X0ToVelocityStep.PredictOnly, 0, 0, -1)])];

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string Tuning => products?.Tuning ?? "own kernels";

    /// <inheritdoc/>
    public int ActivationBytes => element.Size();

    /// <inheritdoc/>
    public Precision? MatrixPrecision => element == ElementType.BF16 ? Precision.BF16 : Precision.F32;

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes, string what) => memory.Allocate(bytes, what);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, IDeviceBuffer destination, long offset) => memory.Upload(source, destination, offset);

    /// <inheritdoc/>
    public void Download(IDeviceBuffer source, long offset, Span<byte> destination) => memory.Download(source, offset, destination);

    /// <inheritdoc/>
    public void Copy(IDeviceBuffer source, long sourceOffset, IDeviceBuffer destination, long destinationOffset, long bytes) =>
        memory.Copy(source, sourceOffset, destination, destinationOffset, bytes);

    /// <inheritdoc/>
    public void Fill(HashedTensor tensor, long count, Precision precision, IDeviceBuffer destination, long offset)
    {
        var args = new RandomWeightsArgs { Y = ((IAddressable)destination).Address + (ulong)offset, Count = count, Id = tensor.Id, Base = tensor.Base, Scale = tensor.Scale, Channels = (uint)tensor.Channels, Taps = (uint)tensor.Taps };
        var kernel = new Kernels.RandomWeights(precision == Precision.BF16 ? ElementType.BF16 : ElementType.F32);
        if (queue is null)
        {
            Launch(launcher, kernel, args, "random weights");
            return;
        }
        using var turn = queue.Enter();
        Launch(launcher, kernel, args, "random weights");
    }

    /// <summary>
    /// Where cuBLASLt computes the big products, it is faster than our portable kernel by more than a pair's way to memory and back takes;
    /// Hopper's own is there to be measured; weights of whole numbers, and up to <see cref="Gemv.MaxRows"/> rows, are always ours.
    /// </summary>
    public bool FusesSwiGlu(Ops.MatMul product) => product.Weight.Precision switch
    {
        _ when products is null || product.Input.Rows.Max <= Gemv.MaxRows => true,
        Precision.Fp8 => !products.Has(new(product.Input.Rows.Max, product.Weight.Rows, product.Weight.Columns, element, element, Bias: false, Residual: false, Fp8: true)),
        Precision.Int8 or Precision.Int4 => true,
        _ => hopper is not null,
    };

    /// <inheritdoc/>
    public GraphProgram Prepare(Plan plan, IMemoryMap map, BatchBounds bounds) => new KernelProgram(this, plan, map, bounds);

    /// <summary>Whether there is a kernel for an op.</summary>
    public static bool Runs(Op op) => op is Ops.EmbeddingGather or Ops.Patchify or Ops.PlaceTime or Ops.PickRows or Ops.RecallPrefix or Ops.SampleToken or Ops.RmsNorm or Ops.MatMul { Activation: Activation.None } or Ops.MatMul { Output.Element: ValueElement.Activation } or Ops.SwiGlu or Ops.Silu
        or Ops.TimestepSinusoids or Ops.QkvToCache { Picture: null, Rotary: not null } or Ops.VelocityStep
        or Ops.PatchEmbedding or Ops.PlacePatches or Ops.LayerNorm or Ops.QkvToCache { Picture: not null, Rotary: null, QueryNorm: null, KeyNorm: null } or Ops.Attention
        or Ops.Conv3d { Input.Element: ValueElement.Float32 } or Ops.ChannelNorm { Input.Element: ValueElement.Float32 } or Ops.SpaceToDepth { Output.Element: ValueElement.Float32 }
        or Ops.DepthToSpace { Input.Element: ValueElement.Float32 } or Ops.AverageDown { Input.Element: ValueElement.Float32 } or Ops.DuplicateUp { Input.Element: ValueElement.Float32 }
        or Ops.UpsampleNearest or Ops.InterleaveFrames or Ops.KeepFrames;

    /// <summary>Launches what runs one op.</summary>
    public void Run(Op op, DeviceTables tables, IMemoryMap map, ILauncher launcher)
    {
        var run = new OpRun(this, tables, map, launcher, op.Name);
        switch (op)
        {
            case Ops.EmbeddingGather o: run.EmbeddingGather(o); break;
            case Ops.Patchify o: run.Patchify(o); break;
            case Ops.PlaceTime o: run.CopyRows(o.Embeddings, o.Output, run.Tables.TimePairs, run.Tables.Batch.Times.Count); break;
            case Ops.PickRows o: run.CopyRows(o.Input, o.Output, run.Tables.PickedPairs, run.Tables.Batch.Picked.Count); break;
            case Ops.RecallPrefix o: run.CopyRows(o.Kept, o.Output, run.Tables.RecalledPairs, run.Tables.Batch.Sequences.Count, o.PerPrefix); break;
            case Ops.SampleToken o: run.SampleToken(o); break;
            case Ops.RmsNorm o: run.RmsNorm(o); break;
            case Ops.MatMul o: run.MatMul(o); break;
            case Ops.SwiGlu o: run.SwiGlu(o); break;
            case Ops.Silu o: run.Silu(o); break;
            case Ops.TimestepSinusoids o: run.TimestepSinusoids(o); break;
            case Ops.QkvToCache { Picture: null } o: run.QkvToCache(o); break;
            case Ops.Attention { Picture: null } o: run.Attention(o); break;
            case Ops.VelocityStep o: run.VelocityStep(o); break;
            case Ops.PatchEmbedding o: run.PatchEmbedding(o); break;
            case Ops.PlacePatches o: run.CopyRows(o.Patches, o.Output, run.Tables.PlacedPairs, run.Tables.Batch.Patches.Count, o.PerPicture); break;
            case Ops.LayerNorm o: run.LayerNorm(o); break;
            case Ops.QkvToCache o: run.KvToCache(o); break;
            case Ops.Attention o: run.PictureAttention(o, o.Picture!.Value); break;
            case Ops.Conv3d o: run.Conv3d(o); break;
            case Ops.ChannelNorm o: run.ChannelNorm(o); break;
            case Ops.SpaceToDepth o: run.SpaceToDepth(o); break;
            case Ops.DepthToSpace o: run.DepthToSpace(o); break;
            case Ops.AverageDown o: run.AverageDown(o); break;
            case Ops.DuplicateUp o: run.DuplicateUp(o); break;
            case Ops.UpsampleNearest o: run.UpsampleNearest(o); break;
            case Ops.InterleaveFrames o: run.InterleaveFrames(o); break;
            case Ops.KeepFrames o: run.KeepFrames(o); break;
            default: throw new NotSupportedException($"there is no kernel for {op}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        products?.Dispose();
        _rotary.Dispose();
        _constants.Dispose();
    }

    internal static IAddressable Upload<T>(IDeviceMemory memory, ReadOnlySpan<T> values, string what) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var buffer = memory.Allocate(Math.Max(bytes.Length, Plan.Alignment), what);
        try
        {
            memory.Upload(bytes, buffer, 0);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>Queues a kernel by its record.</summary>
    internal static void Launch<TKernel, TArgs>(ILauncher launcher, TKernel kernel, TArgs args, string node) where TKernel : struct, IKernel<TArgs> where TArgs : unmanaged
    {
        (launcher as KernelTimer)?.Expect(kernel.Cost(args));
        launcher.Launch(kernel.Instance, kernel.Shape(args), MemoryMarshal.AsBytes(new ReadOnlySpan<TArgs>(in args)), node);
    }

    /// <summary>One op of one run: addresses, and a method per op.</summary>
    private readonly partial struct OpRun(KernelBackend backend, DeviceTables tables, IMemoryMap map, ILauncher launcher, string node)
    {
        public DeviceTables Tables => tables;

        private ElementType Element => backend.ElementOf;

        public void EmbeddingGather(Ops.EmbeddingGather o) => Launch(new EmbeddingGather(Element, tables.Batch.Rows), new EmbeddingGatherArgs
        {
            Tokens = o.Tokens is null ? tables.Tokens : At(o.Tokens), Table = Matrix(o.Table), Y = At(o.Output), Dim = o.Table.Columns,
        });

        public void Patchify(Ops.Patchify o)
        {
            if (tables.Batch.Patches.Count > 0)
                Launch(new Patchify(Element, tables.Batch.Patches.Count), new PatchifyArgs
                {
                    Pictures = At(o.Pictures), W = Matrix(o.Weight), Bias = Vector(o.Bias), Norm = Vector(o.Norm), Y = At(o.Output),
                    Places = tables.PatchPlaces, Height = o.Height, Width = o.Width, Dim = o.Weight.Rows, Epsilon = o.Epsilon,
                });
        }

        public void CopyRows(Value from, Value to, ulong pairs, int count, int rows = 1)
        {
            if (count > 0)
                Launch(new CopyRows(count), new CopyRowsArgs { Pairs = pairs, X = At(from), Y = At(to), Words = Element.Words(from.Columns), Rows = rows });
        }

        public void SampleToken(Ops.SampleToken o)
        {
            var choice = o.Choice;
            if (o.Logits.Rows.Value > 0)
                Launch(new SampleToken(), new SampleTokenArgs
                {
                    Logits = At(o.Logits), Token = At(o.Token), Draw = tables.Draw, Seed = (ulong)choice.Seed,
                    Vocabulary = o.Logits.Columns, TopK = choice.TopK, TopP = choice.TopP, Temperature = choice.Temperature,
                });
        }

        public void RmsNorm(Ops.RmsNorm o)
        {
            if (o.Input.Rows.Value > 0)
                Launch(new RmsNorm(Element, o.Input.Rows.Value), new RmsNormArgs
                {
                    H = At(o.Input), Y = At(o.Output), Weight = Vector(o.Weight), Table = o.Shift is { } m ? At(m.Table) : 0,
                    Sequences = tables.Sequences, RowSequence = tables.RowSequence, Dim = o.Input.Columns, TableColumns = o.Shift?.Table.Columns ?? 0,
                    Shift = o.Shift is { } shift ? shift.Chunk * o.Input.Columns : -1, Scale = o.Scale is { } scale ? scale.Chunk * o.Input.Columns : -1,
                    Epsilon = o.Epsilon,
                });
        }

        public void MatMul(Ops.MatMul o)
        {
            var epilogue = new EpilogueArgs
            {
                Bias = o.Bias is null ? 0 : Vector(o.Bias), Residual = o.Residual is null ? 0 : At(o.Residual),
                Table = o.Gate is { } g ? At(g.Table) : 0, Sequences = tables.Sequences, RowSequence = tables.RowSequence,
                TableColumns = o.Gate?.Table.Columns ?? 0, Gate = o.Gate is { } gate ? gate.Chunk * o.Output.Columns : 0,
            };
            Product(o.Input, o.Weight, o.Output, o.Bias, epilogue, o.Activation, o.Rounded);
        }

        /// <summary>Apart from <see cref="Product"/>, which would make the lambda's object for every product, timed or not.</summary>
        private static bool Timed(KernelTimer timer, IProducts products, Product product, string node) =>
            timer.Time("cuBLASLt", product.Shape.Cost, () => products.TryRun(product, node));

        /// <summary>
        /// y = residual + gate * activation(x w^T + bias), of as many rows as the input has; the epilogue's bias is <paramref name="bias"/>, and x
        /// may have to be rounded first.
        /// </summary>
        private void Product(Value input, Weight weight, Value result, Weight? bias, EpilogueArgs epilogue, Activation activation = Activation.None, Value? rounded = null)
        {
            ulong x = At(input), w = Matrix(weight), y = At(result);
            Precision? quantized = weight.Precision.IsQuantized() ? weight.Precision : null;
            int m = input.Rows.Value, n = result.Columns, k = input.Columns;
            ElementType element = ElementOf(input), output = ElementOf(result);
            if (m == 0)
                return;
            var product = new Product(new(m, n, k, element, output, bias is not null, epilogue.Residual != 0, activation), x, w, y, bias, epilogue.Residual);
            // Gates and SwiGLU are in our epilogue only.
            var others = epilogue.Table == 0 && activation != Activation.SwiGlu ? backend.Products : null;
            if (rounded is not null && m > Ops.MatMul.FewRows)
            {
                var bytes = product with { Shape = product.Shape with { Fp8 = true }, X = At(rounded), XScales = At(rounded) + (ulong)((long)m * k), WScales = Scales(weight) };
                if (others is not null && TryBytes(others, x, bytes))
                    return;
                Launch(new RoundRows(m), new RoundRowsArgs { X = x, Y = At(rounded), Dim = k });
                x = At(rounded);
            }
            if (others is not null && quantized is null && TryQueue(others, product))
                return;
            if (m <= Gemv.MaxRows)
                Launch(new Gemv(element, output, activation, quantized), new GemvArgs { X = x, W = w, Scales = Scales(weight), Y = y, Epilogue = epilogue, M = m, N = n, K = k });
            else if (backend.Hopper is { } hopper && quantized is null && element == ElementType.BF16 && output == element && MatMulHopper.Takes(n, k, activation))
                Launch(new MatMulHopper(activation, hopper.Multiprocessors), new MatMulHopperArgs
                {
                    X = hopper.Maps.MapOf(x, m, k, MatMulHopper.Tokens), XTail = hopper.Maps.MapOf(x, m, k, MatMulHopper.Tail),
                    W = activation == Activation.SwiGlu ? hopper.Maps.MapOfPairs(w, n, k) : hopper.Maps.MapOf(w, n, k, MatMulHopper.Weights), Y = y, Epilogue = epilogue, M = m, N = n, K = k,
                });
            else if (element == ElementType.BF16)
                Launch(new MatMul(ToF32: output == ElementType.F32, activation, quantized), new MatMulArgs { X = x, W = w, Scales = Scales(weight), Y = y, Epilogue = epilogue, M = m, N = n, K = k });
            else
                Launch(new MatMulF32(activation), new MatMulF32Args { X = x, W = w, Y = y, Epilogue = epilogue, M = m, N = n, K = k });
        }

        /// <summary>
        /// A product of eight-bit floats, after the rows at <paramref name="x"/> have become its bytes and, behind them, its scales: together no more
        /// than the bfloat16 they stand for. False where there is no such product, and nothing is queued.
        /// </summary>
        private bool TryBytes(IProducts products, ulong x, in Product product)
        {
            if (!products.TryPrepare(product, node))
                return false;
            Launch(new RoundRows(product.Shape.M, ToBytes: true), new RoundRowsArgs { X = x, Y = product.X, Scales = product.XScales, Dim = product.Shape.K });
            return TryQueue(products, product);
        }

        /// <summary>Whether somebody else computes the product, or will, where launches are only gone through.</summary>
        private bool TryQueue(IProducts products, in Product product) => launcher switch
        {
            LoadingLauncher { Warms: true } => products.TryWarm(product, node),
            LoadingLauncher => products.TryPrepare(product, node),
            KernelTimer timer => Timed(timer, products, product, node),
            _ => products.TryRun(product, node),
        };

        public void SwiGlu(Ops.SwiGlu o) =>
            Launch(new SwiGlu(Element, o.Input.Rows.Value), new SwiGluArgs { X = At(o.Input), Y = At(o.Output), Width = o.Output.Columns });

        public void Silu(Ops.Silu o) =>
            Launch(new Silu(Element), new SiluArgs { X = At(o.Input), Y = At(o.Output), Count = (long)o.Input.Rows.Value * o.Input.Columns });

        public void TimestepSinusoids(Ops.TimestepSinusoids o) => Launch(new TimestepSinusoids(Element, o.Times.Rows.Value), new TimestepSinusoidsArgs
        {
            Times = At(o.Times), Frequencies = backend._constants.Address, Y = At(o.Output),
        });

        public void QkvToCache(Ops.QkvToCache o)
        {
            var image = o.Rotary as Ops.ImageRotary;
            Launch(new QkvToCache(Element, o.Shape.HeadDim, o.Qkv.Rows.Value), new QkvToCacheArgs
            {
                Qkv = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values),
                QueryNorm = o.QueryNorm is null ? 0 : Vector(o.QueryNorm), KeyNorm = o.KeyNorm is null ? 0 : Vector(o.KeyNorm),
                Text = backend._rotary.Of(image?.Frequency ?? ((Ops.TextRotary)o.Rotary!).Frequency, tables.Positions),
                Frames = image is null ? 0 : backend._rotary.Of(image.FrameFrequency, tables.Frames),
                Sides = image is null ? 0 : backend._rotary.Of(image.RowFrequency, tables.Sides),
                Sequences = tables.Sequences, RowSequence = tables.RowSequence,
                Heads = o.Shape.Heads, KvHeads = o.Shape.KvHeads, Epsilon = o.NormEpsilon,
            });
        }

        public void Attention(Ops.Attention o)
        {
            var shape = o.Shape;
            if (tables.SingleRows && AttentionDecode.Takes(shape.HeadDim, shape.Group))
            {
                var decode = new AttentionDecode(Element, shape.HeadDim, tables.Batch.Sequences.Count, DeviceTables.DecodeSplits, tables.AttentionWork);
                var (parts, finished) = tables.DecodeScratch(decode.PartFloats(shape.Heads), tables.Batch.Sequences.Count * shape.KvHeads);
                Launch(decode, new AttentionDecodeArgs
                {
                    Queries = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values), Y = At(o.Output), Sequences = tables.Sequences, Parts = parts, Finished = finished,
                    RowColumns = shape.QkvColumns, Heads = shape.Heads, KvHeads = shape.KvHeads, Scale = Scale(shape),
                });
            }
            else
            {
                var (tiles, count) = tables.AttentionTiles(shape.Group, backend.TileRows(shape.HeadDim));
                FusedAttention(o, tables.Sequences, tiles, count, tables.AttentionWork);
            }
        }

        private void FusedAttention(Ops.Attention o, ulong sequences, ulong tiles, int count, AttentionWork work)
        {
            var shape = o.Shape;
            var scale = Scale(shape);
            if (backend.HopperFor(shape.HeadDim) is { Maps: var maps })
                Launch(new AttentionHopper(shape.HeadDim, count, work), new AttentionHopperArgs
                {
                    Keys = MapOf(maps, o.Keys), Values = MapOf(maps, o.Values), Queries = At(o.Qkv), Y = At(o.Output), Sequences = sequences, Tiles = tiles,
                    RowColumns = shape.QkvColumns, Heads = shape.Heads, KvHeads = shape.KvHeads, Scale = scale,
                });
            else if (Element == ElementType.BF16)
                Launch(new Attention(shape.HeadDim, count, work), new AttentionArgs
                {
                    Queries = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values), Y = At(o.Output), Sequences = sequences, Tiles = tiles,
                    RowColumns = shape.QkvColumns, Heads = shape.Heads, KvHeads = shape.KvHeads, Scale = scale,
                });
            else
                Launch(new AttentionF32(shape.HeadDim, count, work), new AttentionF32Args
                {
                    Queries = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values), Y = At(o.Output), Sequences = sequences, Tiles = tiles,
                    RowColumns = shape.QkvColumns, Heads = shape.Heads, KvHeads = shape.KvHeads, Scale = scale,
                });
        }

        private TensorMap MapOf(ITensorMaps maps, Value cache) => maps.MapOf(At(cache), cache.Rows.Max, cache.Columns, AttentionHopper.BlockKeys);

        /// <summary>log2(e) / sqrt(head dim): the softmax runs in powers of two.</summary>
        private static float Scale(Ops.AttentionShape shape) => (float)(Math.Log2(Math.E) / Math.Sqrt(shape.HeadDim));

        public void VelocityStep(Ops.VelocityStep o)
        {
            if (o.Predictions is { } predictions)
                foreach (var place in tables.Batch.Predictions)
                    Step(o, PatchRows(o.Head.Rows, place.FirstRow), 1, backend._constants.Address + PredictOnlyOffset, At(predictions) + (ulong)((long)place.Prediction * predictions.Columns * sizeof(float)));
            // Which pictures, where their rows begin and whether the second branch is read is decided on the device: a captured launch serves as many.
            if (tables.Batch.Steps.Count > 0)
                Step(o, At(o.Head.Rows), tables.Batch.Steps.Count, tables.Numbers, 0);
        }

        private void Step(Ops.VelocityStep o, ulong rows, int pictures, ulong numbers, ulong prediction) =>
            Launch(new X0ToVelocityStep(Element, o.Head.Patch, o.Head.Channels, pictures), new X0ToVelocityStepArgs
            {
                Rows = rows, Pictures = At(o.Pictures), Velocity = At(o.Velocity), Prediction = prediction, Numbers = numbers,
                Height = o.Head.Height, Width = o.Head.Width, Raster = o.Head.Raster ? 1 : 0, Frames = o.Head.Frames,
                PredictsVelocity = o.Prediction == Ops.PredictionKind.Velocity ? 1 : 0,
            });

        private ulong PatchRows(Value rows, int first) => At(rows) + (ulong)((long)first * rows.Columns * Element.Size());

        private void Launch<TKernel, TArgs>(TKernel kernel, TArgs args) where TKernel : struct, IKernel<TArgs> where TArgs : unmanaged =>
            KernelBackend.Launch(launcher, kernel, args, node);

        private ElementType ElementOf(Value value) => value.Element == ValueElement.Float32 ? ElementType.F32 : Element;

        private ulong At(Value value)
        {
            var (buffer, offset) = map.Locate(value);
            return ((IAddressable)buffer).Address + (ulong)offset;
        }

        private static ulong Matrix(Weight weight) => ((IAddressable)weight.Buffer).Address + (ulong)weight.Offset;

        private static ulong Scales(Weight weight) => weight.Scales is { } scales ? ((IAddressable)scales.Buffer).Address + (ulong)scales.Offset : 0;

        private static ulong Vector(Weight weight) => weight.Precision == Precision.F32
            ? Matrix(weight)
            : throw new InvalidOperationException($"{weight} is kept as {weight.Precision}, not as a float32 vector");
    }

    /// <summary>What runs kernels; within a turn of the queue where there is one.</summary>
    public ILauncher Launcher => launcher;

    /// <summary>Whose turns launches are made in, or null.</summary>
    public CudaQueue? Queue => queue;

    /// <summary>Loads what is to be captured, or null.</summary>
    public LoadingLauncher? Loader => loader;

    /// <summary>Packed rows of a tile of attention with heads of so many elements.</summary>
    public int TileRows(int headDim) =>
        HopperFor(headDim) is not null ? AttentionHopper.TileRows(headDim) : element == ElementType.BF16 ? Attention.TileRows : AttentionF32.TileRows;

    /// <summary>The GPU, where Hopper's attention runs for heads of so many elements.</summary>
    private HopperDevice? HopperFor(int headDim) => element == ElementType.BF16 && AttentionHopper.Takes(headDim) ? hopper : null;

    /// <summary>The GPU, where Hopper's product can take what cuBLASLt has not.</summary>
    private HopperDevice? Hopper => hopper;

    /// <summary>Memory that kernels reach.</summary>
    public IAddressable AllocateAddressable(long bytes, string what) => memory.Allocate(bytes, what);

    private IProducts? Products => products;

    private ElementType ElementOf => element;
}
