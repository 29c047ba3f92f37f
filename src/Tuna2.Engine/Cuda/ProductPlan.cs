using System.Runtime.CompilerServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Interop;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A product as cuBLASLt takes it: descriptors and an algorithm. cuBLASLt goes column by column, where a row-major matrix is its
/// transpose: it computes y^T (n, m) = w (k, n)^T x^T (k, m), to which a bias of n rows is added column by column, as it should be.
/// </summary>
internal sealed unsafe class ProductPlan : IDisposable
{
    /// <summary>
    /// What addresses are promised to be multiples of, and must be: what our own kernels need. Not what they happen to be: the
    /// algorithm, and with it the bits of the result, would follow from where a buffer came to lie.
    /// </summary>
    public const uint Alignment = 16;

    private readonly CublasLtHandle _lt;
    private nint _description, _w, _x, _y;

    /// <summary>
    /// Whether cuBLASLt computes such a product. Of the activations it has GELU in the tanh form, which it applies behind the residual and
    /// in an accuracy it does not state: it is taken where nothing is added behind it and the result is rounded to bfloat16 anyway.
    /// Eight-bit floats must come in whole 16-byte words both ways, and what follows them is a bias and a residual in bfloat16.
    /// </summary>
    public static bool Has(in ProductShape shape) => shape switch
    {
        { Fp8: true } => shape is { Activation: Activation.None, Element: ElementType.BF16, Output: ElementType.BF16 } && shape.N % Alignment == 0 && shape.K % Alignment == 0,
        { Activation: Activation.None } => true,
        { Activation: Activation.GeluTanh } => shape is { Residual: false, Output: ElementType.BF16 },
        _ => false,
    };

    /// <summary>Makes the descriptors. The context is current.</summary>
    /// <param name="lt">The library on the device.</param>
    /// <param name="shape">The product.</param>
    /// <param name="somewhere">Device memory that stands for scales until there are some: a library asked for an algorithm may look at the address, and at what it is a multiple of.</param>
    /// <param name="node">Where in the graph it stands, for errors.</param>
    /// <exception cref="DeviceException">The library refuses.</exception>
    public ProductPlan(CublasLtHandle lt, in ProductShape shape, ulong somewhere, string node)
    {
        (_lt, Shape) = (lt, shape);
        var api = lt.Api;
        var (element, output) = (shape.Fp8 ? cudaDataType_t.CUDA_R_8F_E4M3 : TypeOf(shape.Element), TypeOf(shape.Output));
        // The product of two bfloat16, or of two eight-bit floats, is exact in float32. Those of float32 must not be narrowed for speed.
        var compute = shape.Element == ElementType.F32 ? cublasComputeType_t.CUBLAS_COMPUTE_32F_PEDANTIC : cublasComputeType_t.CUBLAS_COMPUTE_32F;
        try
        {
            nint made;
            Check(api.cublasLtMatmulDescCreate(&made, compute, cudaDataType_t.CUDA_R_32F), node);
            _description = made;
            var transposed = CublasLt.CUBLAS_OP_T;
            Check(api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(int)), node);
            var epilogue = (shape.Bias ? CublasLt.CUBLASLT_EPILOGUE_BIAS : 0) | (shape.Activation == Activation.GeluTanh ? CublasLt.CUBLASLT_EPILOGUE_GELU : 0);
            if (epilogue != 0)
            {
                Check(api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(uint)), node);
            }
            if (shape.Fp8)
                ScaleRows(somewhere + Alignment, node);
            Check(api.cublasLtMatrixLayoutCreate(&made, element, (ulong)shape.K, (ulong)shape.N, shape.K), node);
            _w = made;
            Check(api.cublasLtMatrixLayoutCreate(&made, element, (ulong)shape.K, (ulong)shape.M, shape.K), node);
            _x = made;
            Check(api.cublasLtMatrixLayoutCreate(&made, output, (ulong)shape.N, (ulong)shape.M, shape.N), node);
            _y = made;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The product.</summary>
    public ProductShape Shape { get; }

    /// <summary>When it was used last, by the count of uses.</summary>
    public long LastUse { get; set; }

    /// <summary>Whether it was queued before: what it runs is loaded.</summary>
    public bool HasRun { get; set; }

    /// <summary>The algorithm; null where the library has none.</summary>
    public cublasLtMatmulHeuristicResult_t? Algorithm { get; set; }

    /// <summary>The algorithms the library would try, the best first; none where it has none. The context is current.</summary>
    /// <param name="count">How many at most.</param>
    /// <param name="workspace">Bytes of workspace they may use.</param>
    /// <param name="node">Where in the graph it stands, for errors.</param>
    public cublasLtMatmulHeuristicResult_t[] Offered(int count, int workspace, string node)
    {
        var api = _lt.Api;
        var offered = new cublasLtMatmulHeuristicResult_t[count];
        nint preference;
        Check(api.cublasLtMatmulPreferenceCreate(&preference), node);
        try
        {
            var bytes = (ulong)workspace;
            Check(api.cublasLtMatmulPreferenceSetAttribute(preference, cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof(ulong)), node);
            // Parts of a sum over k are added in float32, never rounded to bfloat16 in between.
            var reduction = CublasLt.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
            Check(api.cublasLtMatmulPreferenceSetAttribute(preference, cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reduction, sizeof(uint)), node);
            var alignment = Alignment;
            for (var which = cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
                 which <= cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES; which++)
                Check(api.cublasLtMatmulPreferenceSetAttribute(preference, which, &alignment, sizeof(uint)), node);

            var found = 0;
            cublasStatus_t status;
            fixed (cublasLtMatmulHeuristicResult_t* results = offered)
                status = api.cublasLtMatmulAlgoGetHeuristic(_lt.Handle, _description, _w, _x, _y, _y, preference, count, results, &found);
            if (status == cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED)
                return [];
            Check(status, node, nameof(CublasLt.cublasLtMatmulAlgoGetHeuristic));
            return [.. offered.AsSpan(0, found).ToArray().Where(r => r.state == cublasStatus_t.CUBLAS_STATUS_SUCCESS)];
        }
        finally
        {
            api.cublasLtMatmulPreferenceDestroy(preference);
        }
    }

    /// <summary>A stored algorithm with what it takes here; null where it does not fit this product. The context is current.</summary>
    /// <param name="stored">The algorithm.</param>
    /// <param name="workspace">Bytes of workspace it may use.</param>
    public cublasLtMatmulHeuristicResult_t? Restore(cublasLtMatmulAlgo_t stored, int workspace)
    {
        cublasLtMatmulHeuristicResult_t result;
        return _lt.Api.cublasLtMatmulAlgoCheck(_lt.Handle, _description, _w, _x, _y, _y, &stored, &result) == cublasStatus_t.CUBLAS_STATUS_SUCCESS
            && result.workspaceSize <= (nuint)workspace ? result with { algo = stored } : null;
    }

    /// <summary>Queues the product by the algorithm. The context is current. Nothing is allocated and nothing waited for.</summary>
    /// <param name="product">Addresses.</param>
    /// <param name="bias">Address of the bias in the output's type; 0 for none.</param>
    /// <param name="algorithm">The algorithm.</param>
    /// <param name="workspace">Address of the stream's workspace.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="node">Where in the graph it stands, for errors.</param>
    public void Launch(in Product product, ulong bias, cublasLtMatmulHeuristicResult_t algorithm, ulong workspace, nint stream, string node)
    {
        if (bias != 0)
            Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(ulong)), node);
        if (product.XScales != 0)
            SetScales(product.WScales, product.XScales, node);
        float one = 1, residual = product.Residual == 0 ? 0 : 1;
        Check(
            _lt.Api.cublasLtMatmul(
                _lt.Handle, _description, &one, product.W, _w, product.X, _x, &residual, product.Residual == 0 ? product.Y : product.Residual, _y,
                product.Y, _y, &algorithm.algo, workspace, algorithm.workspaceSize, stream),
            node);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var api = _lt.Api;
        if (_description != 0)
            api.cublasLtMatmulDescDestroy(_description);
        foreach (var layout in (ReadOnlySpan<nint>)[_w, _x, _y])
            if (layout != 0)
                api.cublasLtMatrixLayoutDestroy(layout);
        (_description, _w, _x, _y) = (0, 0, 0, 0);
    }

    private static cudaDataType_t TypeOf(ElementType element) => element == ElementType.BF16 ? cudaDataType_t.CUDA_R_16BF : cudaDataType_t.CUDA_R_32F;

    /// <summary>A scale for every row of w and of x, whose products are then summed in float32 and in nothing less.</summary>
    private void ScaleRows(ulong somewhere, string node)
    {
        var mode = CublasLt.CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
        Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode, sizeof(int)), node);
        Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode, sizeof(int)), node);
        sbyte fast = 0;
        Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof(sbyte)), node);
        SetScales(somewhere, somewhere, node);
    }

    private void SetScales(ulong w, ulong x, string node)
    {
        Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &w, sizeof(ulong)), node);
        Check(_lt.Api.cublasLtMatmulDescSetAttribute(_description, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &x, sizeof(ulong)), node);
    }

    private void Check(cublasStatus_t status, string node, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            throw _lt.Error(status, CudaDriver.FunctionName(call), Shape, node);
    }
}
