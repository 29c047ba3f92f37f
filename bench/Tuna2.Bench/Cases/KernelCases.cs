using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using static Tuna2.Engine.Kernels.ElementType;

namespace Tuna2.Bench.Cases;

/// <summary>
/// Every kernel instance at the shapes of tuna_2_pixel_7b: a denoising step of a 512 x 512 picture with guidance (two sequences of
/// 1025 rows that see 1100 keys each), and a decoded token behind 1100 keys; those of SigLIP at the same, and of Tuna's VAE at a picture of that size.
/// </summary>
internal static class KernelCases
{
    private const int Hidden = 3584, Intermediate = 18944, Vocabulary = 151669, Sequences = 2, Span = 1025, Keys = 1100, Prefix = Keys - Span;
    private const int Rows = Sequences * Span, Side = 512, Grid = Side / 16, Patches = Grid * Grid, PatchValues = 768, LatentChannels = 48, Steps = 50, StepWords = 8, DecodeSplits = 16;

    private const int SiglipRows = Sequences * Patches, SiglipHidden = 1152, SiglipInner = 4304, SiglipSide = 32;

    /// <summary>Of norms: 117 MB in and as many out, far more than any cache, and rows enough that neither launch nor last wave shows.</summary>
    private const int ManyRows = 16384;

    private const int HopperMultiprocessors = 132;

    private static readonly Precision[] _quantized = [Precision.Int8, Precision.Int4, Precision.Fp8];

    private const int VaeChannels = 1024, VaePixels = Side / 16 * (Side / 16);

    /// <summary>What the widest pictures of the VAE's decoder have, half the side of the output.</summary>
    private const long VaeElements = (long)Side * Side / 4 * VaeChannels / 4;

    private static readonly Heads _llm = new("llm", 28, 4, 128, QkNorms: false);
    private static readonly Heads _head = new("head", 56, 14, 64, QkNorms: true);
    private static readonly Heads _siglip = new("siglip", 16, 16, 72, QkNorms: false);

    /// <summary>All, in the order of kernels/instances.txt.</summary>
    public static IReadOnlyList<KernelCase> All { get; } =
    [
        EmbeddingGather(BF16), EmbeddingGather(F32),
        KernelCase.Of($"{Rows} x {Hidden}", new CopyRows(Rows), m => new CopyRowsArgs
        {
            Pairs = m.Table([.. Enumerable.Range(0, Rows).Select(i => new RowPair(i, i))]), X = m.Random(BF16, (long)Rows * Hidden), Y = m.Output(BF16, (long)Rows * Hidden), Words = Hidden * 2 / 16, Rows = 1,
        }),
        Patchify(BF16), Patchify(F32),
        PatchEmbedding(BF16), PatchEmbedding(F32),
        Sinusoids(BF16), Sinusoids(F32),
        Silu(BF16), Silu(F32),
        SwiGlu(BF16), SwiGlu(F32),
        .. new[] { Hidden, Intermediate }.SelectMany(dim => new[] { false, true }.Select(bytes => KernelCase.Of($"{Rows} x {dim}", new RoundRows(Rows, bytes), m => new RoundRowsArgs
        {
            X = m.Random(BF16, (long)Rows * dim), Y = m.Output(BF16, (long)Rows * dim / (bytes ? 2 : 1)), Scales = bytes ? m.Output(F32, Rows) : 0, Dim = dim,
        }))),
        RmsNorm(BF16, modulated: false), RmsNorm(BF16, modulated: true), RmsNorm(BF16, modulated: false, ManyRows), RmsNorm(BF16, modulated: true, ManyRows), RmsNorm(F32, modulated: false), RmsNorm(F32, modulated: true),
        LayerNorm(BF16), LayerNorm(F32),
        QkvToCache(BF16, _head), QkvToCache(BF16, _llm), QkvToCache(F32, _head), QkvToCache(F32, _llm),
        KernelCase.Of($"siglip {SiglipRows} rows", new KvToCache(SiglipRows), m => new KvToCacheArgs
        {
            Qkv = m.Random(BF16, (long)SiglipRows * _siglip.QkvColumns), Keys = m.Output(BF16, (long)SiglipRows * SiglipHidden), Values = m.Output(BF16, (long)SiglipRows * SiglipHidden),
            RowWords = _siglip.QkvColumns * 2 / 16, KvWords = SiglipHidden * 2 / 16,
        }),
        Attention(_head), Attention(_siglip), Attention(_llm),
        AttentionHopper(_head), AttentionHopper(_llm),
        AttentionF32(_head), AttentionF32(_siglip), AttentionF32(_llm),
        KernelCase.Of($"vae {VaePixels} x {VaeChannels}", new AttentionWide(1), m => new AttentionWideArgs
        {
            Queries = m.Random(F32, 3L * VaePixels * VaeChannels), Keys = m.Random(F32, (long)VaePixels * VaeChannels), Values = m.Random(F32, (long)VaePixels * VaeChannels),
            Y = m.Output(F32, (long)VaePixels * VaeChannels), RowColumns = 3 * VaeChannels, Rows = VaePixels, Dim = VaeChannels, Scale = (float)(Math.Log2(Math.E) / Math.Sqrt(VaeChannels)),
        }),
        AttentionDecode(BF16, _head), AttentionDecode(BF16, _llm), AttentionDecode(F32, _head), AttentionDecode(F32, _llm),
        MatMul("llm qkv", Rows, _llm.QkvColumns, Hidden, bias: true), MatMul("head qkv", Rows, _head.QkvColumns, Hidden),
        MatMul("o", Rows, Hidden, Hidden, residual: true), MatMul("gate+up", Rows, 2 * Intermediate, Hidden), MatMul("down", Rows, Hidden, Intermediate, residual: true),
        MatMul("head down", Rows, Hidden, Intermediate, residual: true, gate: true),
        MatMul("adaLN of all steps", Steps, 6 * Hidden, Hidden, bias: true, toF32: true),
        MatMul("gate+up", Rows, Intermediate, Hidden, activation: Activation.SwiGlu),
        MatMul("siglip fc1", SiglipRows, SiglipInner, SiglipHidden, bias: true, activation: Activation.GeluTanh),
        MatMul("siglip_proj in", SiglipRows, Hidden, SiglipHidden, bias: true, activation: Activation.Gelu),
        .. _quantized.SelectMany(q => new[]
        {
            MatMul("o", Rows, Hidden, Hidden, residual: true, gate: true, quantized: q), MatMul("gate+up", Rows, 2 * Intermediate, Hidden, quantized: q),
            MatMul("down", Rows, Hidden, Intermediate, residual: true, quantized: q), MatMul("adaLN of all steps", Steps, 6 * Hidden, Hidden, bias: true, toF32: true, quantized: q),
            MatMul("gate+up", Rows, Intermediate, Hidden, activation: Activation.SwiGlu, quantized: q),
            Gemv("llm qkv", BF16, BF16, _llm.QkvColumns, Hidden, bias: true, quantized: q), Gemv("down", BF16, BF16, Hidden, Intermediate, residual: true, quantized: q),
            Gemv("lm_head", BF16, F32, Vocabulary, Hidden, quantized: q), Gemv("gate+up", BF16, BF16, Intermediate, Hidden, activation: Activation.SwiGlu, quantized: q),
        }),
        MatMulHopper("o", Hidden, Hidden, gate: true), MatMulHopper("down", Hidden, Intermediate, gate: true), MatMulHopper("gate+up", Intermediate, Hidden, activation: Activation.SwiGlu),
        MatMulF32("o", Rows, Hidden, Hidden), MatMulF32("gate+up", Rows, Intermediate, Hidden, activation: Activation.SwiGlu),
        MatMulF32("siglip fc1", SiglipRows, SiglipInner, SiglipHidden, Activation.GeluTanh), MatMulF32("siglip_proj in", SiglipRows, Hidden, SiglipHidden, Activation.Gelu),
        Gemv("llm qkv", BF16, BF16, _llm.QkvColumns, Hidden, bias: true), Gemv("o", BF16, BF16, Hidden, Hidden, residual: true),
        Gemv("gate+up", BF16, BF16, 2 * Intermediate, Hidden), Gemv("down", BF16, BF16, Hidden, Intermediate, residual: true),
        Gemv("lm_head", BF16, F32, Vocabulary, Hidden), Gemv("gate+up", BF16, BF16, Intermediate, Hidden, activation: Activation.SwiGlu),
        Gemv("siglip fc1", BF16, BF16, SiglipInner, SiglipHidden, bias: true, activation: Activation.GeluTanh), Gemv("siglip_proj in", BF16, BF16, Hidden, SiglipHidden, bias: true, activation: Activation.Gelu),
        Gemv("down", F32, F32, Hidden, Intermediate, residual: true), Gemv("gate+up", F32, F32, Intermediate, Hidden, activation: Activation.SwiGlu),
        Gemv("siglip fc1", F32, F32, SiglipInner, SiglipHidden, bias: true, activation: Activation.GeluTanh), Gemv("siglip_proj in", F32, F32, Hidden, SiglipHidden, bias: true, activation: Activation.Gelu),
        Conv3d("latent", Side / 16, VaeChannels, frames: 1), Conv3d("quarter", Side / 4, VaeChannels / 2, frames: 1), Conv3d("quarter, three frames", Side / 4, VaeChannels / 2, frames: 3),
        KernelCase.Of($"{Side / 2} x {Side / 2} x {VaeChannels / 4}", new ChannelNorm(), m => new ChannelNormArgs
        {
            X = m.Random(F32, VaeElements), Y = m.Output(F32, VaeElements), Gamma = m.Random(F32, VaeChannels / 4), Pixels = Side * Side / 4, Channels = VaeChannels / 4, Silu = 1,
        }),
        KernelCase.Of($"{Side} x {Side}", new SpaceToDepth(), m => new SpaceToDepthArgs
        {
            Planes = m.Random(F32, 3L * Side * Side), Y = m.Output(F32, 3L * Side * Side), Columns = 12, Frames = 1, Height = Side, Width = Side,
        }),
        KernelCase.Of($"{Side} x {Side}", new DepthToSpace(), m => new DepthToSpaceArgs
        {
            X = m.Random(F32, 3L * Side * Side), Planes = m.Output(F32, 3L * Side * Side), Columns = 12, Frames = 1, Height = Side, Width = Side,
        }),
        KernelCase.Of($"{Side / 2} x {Side / 2} x 160", new AverageDown(), m => new AverageDownArgs
        {
            X = m.Random(F32, 160L * Side * Side / 4), Main = m.Random(F32, 160L * Side * Side / 16), Y = m.Output(F32, 160L * Side * Side / 16), Count = 160L * Side * Side / 16, N = 160, Group = 4,
            Channels = 160, Height = Side / 2, Width = Side / 2, Frames = 1, Side = 2,
        }),
        KernelCase.Of($"{Side / 2} x {Side / 2} x {VaeChannels / 4}", new DuplicateUp(), m => new DuplicateUpArgs
        {
            X = m.Random(F32, VaeElements / 2), Main = m.Random(F32, VaeElements), Y = m.Output(F32, VaeElements), Count = VaeElements, N = VaeChannels / 4, Repeats = 2,
            Channels = VaeChannels / 2, Height = Side / 4, Width = Side / 4, Frames = 1, Side = 2,
        }),
        KernelCase.Of($"{Side / 4} x {Side / 4} x {VaeChannels / 4}", new UpsampleNearest(), m => new UpsampleNearestArgs
        {
            X = m.Random(F32, VaeElements / 4), Y = m.Output(F32, VaeElements), Count = VaeElements / 4, Words = VaeChannels / 16, Width = Side / 4,
        }),
        KernelCase.Of($"{Side / 8} x {Side / 8} x {2 * VaeChannels}", new InterleaveFrames(), m => new InterleaveFramesArgs
        {
            X = m.Random(F32, 2L * VaeChannels * Side * Side / 64), Y = m.Output(F32, 2L * VaeChannels * Side * Side / 64), Count = 2L * VaeChannels * Side * Side / 64 / 4,
            Words = VaeChannels / 4, Pixels = Side * Side / 64,
        }),
        KernelCase.Of($"2 of {Side / 2} x {Side / 2} x {VaeChannels / 4}", new KeepFrames(), m => new KeepFramesArgs
        {
            X = m.Random(F32, VaeElements), Past = m.Updated(F32, 2 * VaeElements), Words = VaeElements / 4, Frames = 1, Kept = 2,
        }),
        Step(BF16), Step(F32), LatentStep(BF16), LatentStep(F32),
        KernelCase.Of($"{Vocabulary}", new SampleToken(), m => new SampleTokenArgs
        {
            Logits = m.Random(F32, Vocabulary), Token = m.Table(0), Draw = m.Table(2L), Seed = 1, Vocabulary = Vocabulary, TopK = 50, TopP = 0.9f, Temperature = 0.7f,
        }),
        KernelCase.Of($"{Steps} of {StepWords * 16} bytes", new AdvanceStep(), m => new AdvanceStepArgs
        {
            Schedule = m.Table(new int[Steps * StepWords * 4]), Live = m.Output(F32, StepWords * 4), Step = m.Table(0), Words = StepWords, Steps = Steps,
        }),
        RandomWeights(BF16), RandomWeights(F32),
    ];

    private static KernelCase RandomWeights(ElementType e) => KernelCase.Of($"{Hidden} x {Hidden}", new RandomWeights(e), m => new RandomWeightsArgs
    {
        Y = m.Output(e, (long)Hidden * Hidden), Count = (long)Hidden * Hidden, Id = 7, Scale = 0.02f, Channels = 1, Taps = 1,
    });

    private static KernelCase EmbeddingGather(ElementType e) => KernelCase.Of($"{Keys} x {Hidden}", new EmbeddingGather(e, Keys), m => new EmbeddingGatherArgs
    {
        Tokens = m.Table([.. Enumerable.Range(0, Keys).Select(i => (int)(i * 7919L % Vocabulary))]),
        Table = m.Random(e, (long)Vocabulary * Hidden), Y = m.Output(e, (long)Keys * Hidden), Dim = Hidden,
    });

    private static KernelCase Patchify(ElementType e) => KernelCase.Of($"{Sequences} of {Side} x {Side}", new Patchify(e, Sequences), m => new PatchifyArgs
    {
        Pictures = m.Random(F32, 3L * Side * Side), W = m.Random(e, (long)Hidden * PatchValues), Bias = m.Random(F32, Hidden), Norm = m.Random(F32, Hidden),
        Y = m.Output(e, (long)Rows * Hidden), Places = m.Table(new PatchRows(0, 1), new PatchRows(0, Span + 1)),
        Height = Side, Width = Side, Dim = Hidden, Epsilon = 0.0078125f,
    });

    private static KernelCase PatchEmbedding(ElementType e) => KernelCase.Of($"{Sequences} of {Side} x {Side / 2}", new PatchEmbedding(e, Sequences), m => new PatchEmbeddingArgs
    {
        Pictures = m.Random(F32, 3L * Side * Side / 2), Table = m.Random(e, (long)SiglipSide * SiglipSide * SiglipHidden), Gathered = m.Output(e, (long)SiglipRows / 2 * PatchValues),
        Y = m.Output(e, (long)SiglipRows / 2 * SiglipHidden), Places = m.Table(new PatchRows(0, 1), new PatchRows(0, Span + 1)),
        Channels = 3, Frames = 1, Height = Side, Width = Side / 2, Patch = 16, Side = SiglipSide, Dim = SiglipHidden,
    });

    private static KernelCase LayerNorm(ElementType e) => KernelCase.Of($"{SiglipRows} x {SiglipHidden}", new LayerNorm(e, SiglipRows), m => new LayerNormArgs
    {
        X = m.Random(e, (long)SiglipRows * SiglipHidden), Y = m.Output(e, (long)SiglipRows * SiglipHidden), Weight = m.Random(F32, SiglipHidden), Bias = m.Random(F32, SiglipHidden),
        Dim = SiglipHidden, Epsilon = 1e-6f,
    });

    private static KernelCase Sinusoids(ElementType e) => KernelCase.Of($"{Steps} times", new TimestepSinusoids(e, Steps), m => new TimestepSinusoidsArgs
    {
        Times = m.Random(F32, Steps), Frequencies = m.Table<float>(TimestepSinusoids.Frequencies), Y = m.Output(e, Steps * 2L * TimestepSinusoids.Frequencies.Length),
    });

    private static KernelCase Silu(ElementType e) => KernelCase.Of($"{Steps} x {Hidden}", new Silu(e), m => new SiluArgs
    {
        X = m.Random(e, (long)Steps * Hidden), Y = m.Output(e, (long)Steps * Hidden), Count = (long)Steps * Hidden,
    });

    private static KernelCase SwiGlu(ElementType e) => KernelCase.Of($"{Rows} x {Intermediate}", new SwiGlu(e, Rows), m => new SwiGluArgs
    {
        X = m.Random(e, 2L * Rows * Intermediate), Y = m.Output(e, (long)Rows * Intermediate), Width = Intermediate,
    });

    private static KernelCase RmsNorm(ElementType e, bool modulated, int rows = Rows) => KernelCase.Of($"{rows} x {Hidden}{(modulated ? ", modulated" : "")}", new RmsNorm(e, rows), m => new RmsNormArgs
    {
        H = m.Random(e, (long)rows * Hidden), Y = m.Output(e, (long)rows * Hidden), Weight = m.Random(F32, Hidden),
        Table = modulated ? m.Random(F32, 6 * Hidden) : 0, Sequences = Spans(m, rows / Sequences, Prefix), RowSequence = m.Table([.. Enumerable.Range(0, rows).Select(r => r * Sequences / rows)]),
        Dim = Hidden, TableColumns = 6 * Hidden, Shift = modulated ? 0 : -1, Scale = modulated ? Hidden : -1, Epsilon = 1e-6f,
    });

    private static KernelCase QkvToCache(ElementType e, Heads h) => KernelCase.Of($"{h.Model} {Rows} rows", new QkvToCache(e, h.Dim, Rows), m => new QkvToCacheArgs
    {
        Qkv = m.Updated(e, (long)Rows * h.QkvColumns), Keys = m.Output(e, h.CacheElements), Values = m.Output(e, h.CacheElements),
        QueryNorm = h.QkNorms ? m.Random(F32, h.Dim) : 0, KeyNorm = h.QkNorms ? m.Random(F32, h.Dim) : 0,
        Text = m.Random(F32, (long)Keys * h.Dim), Frames = h.QkNorms ? m.Random(F32, h.Dim / 4) : 0, Sides = h.QkNorms ? m.Random(F32, Grid * 3L * h.Dim / 8) : 0,
        Sequences = Spans(m, Span, Prefix), RowSequence = RowSequences(m), Heads = h.HeadCount, KvHeads = h.KvHeads, Epsilon = 1e-6f,
    });

    private static KernelCase Attention(Heads h)
    {
        var tiles = Tiles(h, Engine.Kernels.Attention.TileRows);
        return KernelCase.Of(h.AttentionShape, new Attention(h.Dim, tiles.Length, Work), m => new AttentionArgs
        {
            Queries = m.Random(BF16, (long)Rows * h.QkvColumns), Keys = m.Random(BF16, h.CacheElements), Values = m.Random(BF16, h.CacheElements),
            Y = m.Output(BF16, (long)Rows * h.HeadCount * h.Dim), Sequences = Spans(m, Span, Prefix), Tiles = m.Table<AttentionTile>(tiles),
            RowColumns = h.QkvColumns, Heads = h.HeadCount, KvHeads = h.KvHeads, Scale = h.Scale,
        });
    }

    private static KernelCase AttentionHopper(Heads h)
    {
        var tiles = Tiles(h, Engine.Kernels.AttentionHopper.TileRows(h.Dim));
        return KernelCase.Of(h.AttentionShape, new AttentionHopper(h.Dim, tiles.Length, Work), m =>
        {
            var queries = m.Random(BF16, (long)Rows * h.QkvColumns);
            return new AttentionHopperArgs
            {
                Keys = Cache(), Values = Cache(), Queries = queries, Y = m.Output(BF16, (long)Rows * h.HeadCount * h.Dim), Sequences = Spans(m, Span, Prefix), Tiles = m.Table<AttentionTile>(tiles),
                RowColumns = h.QkvColumns, Heads = h.HeadCount, KvHeads = h.KvHeads, Scale = h.Scale,
            };

            TensorMap Cache() => m.TensorMaps.MapOf(m.Random(BF16, h.CacheElements), (int)(h.CacheElements / (h.KvHeads * h.Dim)), h.KvHeads * h.Dim, Engine.Kernels.AttentionHopper.BlockKeys);
        });
    }

    private static KernelCase AttentionF32(Heads h)
    {
        var tiles = Tiles(h, Engine.Kernels.AttentionF32.TileRows);
        return KernelCase.Of(h.AttentionShape, new AttentionF32(h.Dim, tiles.Length, Work), m => new AttentionF32Args
        {
            Queries = m.Random(F32, (long)Rows * h.QkvColumns), Keys = m.Random(F32, h.CacheElements), Values = m.Random(F32, h.CacheElements),
            Y = m.Output(F32, (long)Rows * h.HeadCount * h.Dim), Sequences = Spans(m, Span, Prefix), Tiles = m.Table<AttentionTile>(tiles),
            RowColumns = h.QkvColumns, Heads = h.HeadCount, KvHeads = h.KvHeads, Scale = h.Scale,
        });
    }

    private static KernelCase AttentionDecode(ElementType e, Heads h)
    {
        var kernel = new AttentionDecode(e, h.Dim, Sequences: 1, DecodeSplits, new AttentionWork(1, Keys, Keys));
        return KernelCase.Of($"{h.Model} 1 x {Keys}", kernel, m => new AttentionDecodeArgs
        {
            Queries = m.Random(e, h.QkvColumns), Keys = m.Random(e, (long)Keys * h.KvHeads * h.Dim), Values = m.Random(e, (long)Keys * h.KvHeads * h.Dim),
            Y = m.Output(e, (long)h.HeadCount * h.Dim), Sequences = m.Table(new DeviceSequence(0, 1, 0, Keys - 1, Keys - 1, -1, 0, 0, 0)),
            Parts = m.Random(F32, kernel.PartFloats(h.HeadCount)), Finished = m.Table<int>(new int[h.KvHeads]),
            RowColumns = h.QkvColumns, Heads = h.HeadCount, KvHeads = h.KvHeads, Scale = h.Scale,
        });
    }

    /// <summary>Elements, or as many bits of them as a quantized weight takes: any bits are whole numbers.</summary>
    private static ulong Weight(ICaseMemory m, ElementType e, int rows, int inner, Precision? quantized) =>
        quantized is { } precision ? m.Random(BF16, rows * precision.RowBytes(inner) / sizeof(ushort)) : m.Random(e, (long)rows * inner);

    private static ulong Scales(ICaseMemory m, int rows, int inner, Precision? quantized) => quantized switch
    {
        null => 0,
        Precision.Int8 or Precision.Fp8 => m.Random(F32, rows),
        _ => m.Random(BF16, (long)rows * ((inner + Precisions.Int4Group - 1) / Precisions.Int4Group)),
    };

    private static KernelCase MatMul(
        string product, int rows, int columns, int inner, bool bias = false, bool residual = false, bool gate = false, bool toF32 = false,
        Activation activation = Activation.None, Precision? quantized = null) =>
        KernelCase.Of(ProductShape(product, rows, columns, inner), new MatMul(toF32, activation, quantized), m => new MatMulArgs
        {
            X = m.Random(BF16, (long)rows * inner), W = Weight(m, BF16, activation.Products() * columns, inner, quantized), Scales = Scales(m, activation.Products() * columns, inner, quantized), Y = m.Output(toF32 ? F32 : BF16, (long)rows * columns),
            Epilogue = Epilogue(m, BF16, rows, columns, bias, residual, gate), M = rows, N = columns, K = inner,
        });

    /// <summary>Of an H100's or H200's multiprocessors.</summary>
    private static KernelCase MatMulHopper(string product, int columns, int inner, bool gate = false, Activation activation = Activation.None) =>
        KernelCase.Of(ProductShape(product, Rows, columns, inner), new MatMulHopper(activation, HopperMultiprocessors), m =>
        {
            ulong x = m.Random(BF16, (long)Rows * inner), w = m.Random(BF16, (long)activation.Products() * columns * inner);
            return new MatMulHopperArgs
            {
                X = m.TensorMaps.MapOf(x, Rows, inner, Engine.Kernels.MatMulHopper.Tokens), XTail = m.TensorMaps.MapOf(x, Rows, inner, Engine.Kernels.MatMulHopper.Tail),
                W = activation == Activation.SwiGlu ? m.TensorMaps.MapOfPairs(w, columns, inner) : m.TensorMaps.MapOf(w, columns, inner, Engine.Kernels.MatMulHopper.Weights),
                Y = m.Output(BF16, (long)Rows * columns), Epilogue = Epilogue(m, BF16, Rows, columns, bias: false, residual: gate, gate), M = Rows, N = columns, K = inner,
            };
        });

    private static KernelCase MatMulF32(string product, int rows, int columns, int inner, Activation activation = Activation.None) =>
        KernelCase.Of(ProductShape(product, rows, columns, inner), new MatMulF32(activation), m => new MatMulF32Args
        {
            X = m.Random(F32, (long)rows * inner), W = m.Random(F32, (long)activation.Products() * columns * inner), Y = m.Output(F32, (long)rows * columns),
            M = rows, N = columns, K = inner,
        });

    private static KernelCase Gemv(
        string product, ElementType e, ElementType output, int columns, int inner, bool bias = false, bool residual = false,
        Activation activation = Activation.None, Precision? quantized = null) =>
        KernelCase.Of(ProductShape(product, 1, columns, inner), new Gemv(e, output, activation, quantized), m => new GemvArgs
        {
            X = m.Random(e, inner), W = Weight(m, e, activation.Products() * columns, inner, quantized), Scales = Scales(m, activation.Products() * columns, inner, quantized), Y = m.Output(output, columns),
            Epilogue = Epilogue(m, e, 1, columns, bias, residual, gate: false), M = 1, N = columns, K = inner,
        });

    private static KernelCase Conv3d(string where, int side, int channels, int frames) => KernelCase.Of($"{where}, {side} x {side} x {channels}", new Conv3d(), m =>
    {
        var pixels = (long)side * side;
        return new Conv3dArgs
        {
            X = m.Random(F32, pixels * channels), Past = frames > 1 ? m.Random(F32, (frames - 1) * pixels * channels) : 0, W = m.Random(F32, 27L * channels * channels), Bias = m.Random(F32, channels),
            Residual = m.Random(F32, pixels * channels), Y = m.Output(F32, pixels * channels), WStride = 27L * channels, Pixels = (int)pixels, N = channels, Channels = channels,
            Height = side, Width = side, PastFrames = frames - 1, OutHeight = side, OutWidth = side, Frames = frames, Side = 3, FrameStride = 1, Stride = 1, Before = 1,
        };
    });

    private static KernelCase Step(ElementType e) => KernelCase.Of($"{Side} x {Side}", new X0ToVelocityStep(e), m => new X0ToVelocityStepArgs
    {
        Rows = m.Random(e, 2L * Patches * PatchValues), Pictures = m.Updated(F32, 2 * 3L * Side * Side), Velocity = m.Random(F32, 3L * Side * Side),
        // The time stays short of 1 and the step small: repeated, the state stays finite.
        Numbers = m.Table(new StepNumbers(0.25f, 0.001f, 4, 0, 0, 0, Patches)), Height = Side, Width = Side, Raster = 1, Frames = 1,
    });

    /// <summary>The same picture as Tuna's latent.</summary>
    private static KernelCase LatentStep(ElementType e) => KernelCase.Of($"latent {Side / 16} x {Side / 16}", new X0ToVelocityStep(e, 1, LatentChannels), m => new X0ToVelocityStepArgs
    {
        Rows = m.Random(e, 2L * Patches * LatentChannels), Pictures = m.Updated(F32, 2L * Patches * LatentChannels), Velocity = m.Random(F32, (long)Patches * LatentChannels),
        Numbers = m.Table(new StepNumbers(0.25f, 0.001f, 4, 0, 0, 0, Patches)), Height = Side / 16, Width = Side / 16, Raster = 1, Frames = 1, PredictsVelocity = 1,
    });

    private static EpilogueArgs Epilogue(ICaseMemory m, ElementType e, int rows, int columns, bool bias, bool residual, bool gate) => new()
    {
        Bias = bias ? m.Random(F32, columns) : 0, Residual = residual ? m.Random(e, (long)rows * columns) : 0,
        Table = gate ? m.Random(F32, 6L * columns) : 0, Sequences = gate ? Spans(m, Span, Prefix) : 0, RowSequence = gate ? RowSequences(m) : 0,
        TableColumns = 6 * columns, Gate = gate ? 5 * columns : 0,
    };

    private static string ProductShape(string product, int rows, int columns, int inner) => $"{product} {rows} x {columns} x {inner}";

    private static AttentionWork Work => new(Rows, (long)Sequences * Keys, (long)Rows * Keys);

    private static AttentionTile[] Tiles(Heads h, int rowsPerTile) => AttentionTile.Cover([.. Enumerable.Repeat(Span, Sequences)], h.Group, rowsPerTile);

    private static ulong Spans(ICaseMemory m, int length, int prefix) => m.Table([.. Enumerable.Range(0, Sequences).Select(i =>
        new DeviceSequence(i * length, length, i * (prefix + length), prefix, prefix, 0, 1, Grid, Grid))]);

    private static ulong RowSequences(ICaseMemory m) => m.Table([.. Enumerable.Range(0, Rows).Select(r => r / Span)]);

    /// <summary>The heads of one of the model's transformers.</summary>
    private readonly record struct Heads(string Model, int HeadCount, int KvHeads, int Dim, bool QkNorms)
    {
        public int Group => HeadCount / KvHeads;

        public int QkvColumns => (HeadCount + 2 * KvHeads) * Dim;

        public long CacheElements => (long)Sequences * Keys * KvHeads * Dim;

        public float Scale => (float)(Math.Log2(Math.E) / Math.Sqrt(Dim));

        public string AttentionShape => $"{Model} {Sequences} of {Span} x {Keys}";
    }
}
