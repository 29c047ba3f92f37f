using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>The comparison that passes the products and attention fails what is nearly right.</summary>
public class ProductCorruptionTests
{
    private static readonly Dictionary<string, Func<HostResult>> _kernels = new()
    {
        ["matmul_bf16"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.BF16)),
        ["matmul_bf16_to_f32"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.F32)),
        ["matmul_bf16_swiglu"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => MatMulHostTests.Launch(o, ElementType.BF16)),
        ["matmul_bf16_gelu_tanh"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.GeluTanh, o => MatMulHostTests.Launch(o, ElementType.BF16)),
        ["matmul_bf16_gelu"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gelu, o => MatMulHostTests.Launch(o, ElementType.BF16)),
        ["matmul_f32"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.Gated, o => MatMulF32HostTests.Launch(o)),
        ["matmul_f32_swiglu"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.SwiGlu, o => MatMulF32HostTests.Launch(o)),
        ["matmul_f32_gelu_tanh"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.GeluTanh, o => MatMulF32HostTests.Launch(o)),
        ["matmul_f32_gelu"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.Gelu, o => MatMulF32HostTests.Launch(o)),
        ["gemv_bf16"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16)),
        ["gemv_bf16_to_f32"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.F32)),
        ["gemv_bf16_swiglu"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16)),
        ["gemv_bf16_gelu_tanh"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.GeluTanh, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16)),
        ["gemv_bf16_gelu"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gelu, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16)),
        ["gemv_f32"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.F32, ElementType.F32)),
        ["gemv_f32_swiglu"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.SwiGlu, o => GemvHostTests.Launch(o, ElementType.F32, ElementType.F32)),
        ["gemv_f32_gelu_tanh"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.GeluTanh, o => GemvHostTests.Launch(o, ElementType.F32, ElementType.F32)),
        ["gemv_f32_gelu"] = () => Product(ElementType.F32, ElementType.F32, ProductForm.Gelu, o => GemvHostTests.Launch(o, ElementType.F32, ElementType.F32)),
        ["matmul_bf16_int8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Int8), Precision.Int8, tensorCore: true),
        ["matmul_bf16_to_f32_int8"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.F32, Precision.Int8), Precision.Int8, tensorCore: true),
        ["matmul_bf16_swiglu_int8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Int8), Precision.Int8, tensorCore: true),
        ["matmul_bf16_int4"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Int4), Precision.Int4, tensorCore: true),
        ["matmul_bf16_to_f32_int4"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.F32, Precision.Int4), Precision.Int4, tensorCore: true),
        ["matmul_bf16_swiglu_int4"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Int4), Precision.Int4, tensorCore: true),
        ["matmul_bf16_fp8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Fp8), Precision.Fp8, tensorCore: true),
        ["matmul_bf16_to_f32_fp8"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => MatMulHostTests.Launch(o, ElementType.F32, Precision.Fp8), Precision.Fp8, tensorCore: true),
        ["matmul_bf16_swiglu_fp8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => MatMulHostTests.Launch(o, ElementType.BF16, Precision.Fp8), Precision.Fp8, tensorCore: true),
        ["gemv_bf16_int8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Int8), Precision.Int8),
        ["gemv_bf16_to_f32_int8"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.F32, Precision.Int8), Precision.Int8),
        ["gemv_bf16_swiglu_int8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Int8), Precision.Int8),
        ["gemv_bf16_int4"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Int4), Precision.Int4),
        ["gemv_bf16_to_f32_int4"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.F32, Precision.Int4), Precision.Int4),
        ["gemv_bf16_swiglu_int4"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Int4), Precision.Int4),
        ["gemv_bf16_fp8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Fp8), Precision.Fp8),
        ["gemv_bf16_to_f32_fp8"] = () => Product(ElementType.BF16, ElementType.F32, ProductForm.Gated, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.F32, Precision.Fp8), Precision.Fp8),
        ["gemv_bf16_swiglu_fp8"] = () => Product(ElementType.BF16, ElementType.BF16, ProductForm.SwiGlu, o => GemvHostTests.Launch(o, ElementType.BF16, ElementType.BF16, Precision.Fp8), Precision.Fp8),
        ["attention_d64"] = () => Attention(ElementType.BF16, 64, AttentionHostTests.Launch),
        ["attention_d72"] = () => Attention(ElementType.BF16, 72, AttentionHostTests.Launch),
        ["attention_d128"] = () => Attention(ElementType.BF16, 128, AttentionHostTests.Launch),
        ["attention_f32_d64"] = () => Attention(ElementType.F32, 64, AttentionHostTests.Launch),
        ["attention_f32_d72"] = () => Attention(ElementType.F32, 72, AttentionHostTests.Launch),
        ["attention_f32_d128"] = () => Attention(ElementType.F32, 128, AttentionHostTests.Launch),
        ["attention_wide"] = () => AttentionWideHostTests.Launch(64),
        ["attention_decode_bf16_d64"] = () => Attention(ElementType.BF16, 64, o => AttentionDecodeHostTests.Launch(o, splits: 4), rows: 1),
        ["attention_decode_bf16_d128"] = () => Attention(ElementType.BF16, 128, o => AttentionDecodeHostTests.Launch(o, splits: 4), rows: 1),
        ["attention_decode_f32_d64"] = () => Attention(ElementType.F32, 64, o => AttentionDecodeHostTests.Launch(o, splits: 4), rows: 1),
        ["attention_decode_f32_d128"] = () => Attention(ElementType.F32, 128, o => AttentionDecodeHostTests.Launch(o, splits: 4), rows: 1),
    };

    /// <summary>What a kernel might do to its output: given it and the length of a row.</summary>
    private static readonly Dictionary<string, Action<float[], int>> _corruptions = new()
    {
        ["scaled by 1.01"] = (y, _) => Transform(y, v => 1.01f * v),
        ["a row zeroed"] = (y, length) => y.AsSpan(y.Length / length / 2 * length, length).Clear(),
        ["columns shifted by one"] = (y, length) =>
        {
            for (var row = 0; row < y.Length; row += length)
                y.AsSpan(row, length - 1).CopyTo(y.AsSpan(row + 1));
        },
        ["two rows exchanged"] = (y, length) =>
        {
            var first = y[..length];
            y.AsSpan(length, length).CopyTo(y);
            first.CopyTo(y.AsSpan(length));
        },
        ["one NaN"] = (y, _) => y[y.Length / 3] = float.NaN,
    };

    private static IEnumerable<string> Kernels => _kernels.Keys;

    [Test]
    public void Every_instance_is_here()
    {
        var sources = new[] { "matmul.cu", "matmul_f32.cu", "gemv.cu", "attention.cu", "attention_f32.cu", "attention_wide.cu", "attention_decode.cu" };
        Assert.That(_kernels.Keys, Is.EquivalentTo(KernelCatalog.Instances.Where(k => sources.Contains(k.Source)).Select(k => k.Name)));
    }

    [TestCaseSource(nameof(Kernels))]
    public void A_corrupted_output_fails(string kernel)
    {
        var result = _kernels[kernel]();
        result.AssertAgrees();
        Assert.Multiple(() =>
        {
            foreach (var (name, corrupt) in _corruptions)
            {
                var y = result.Actual.ToArray();
                corrupt(y, result.RowLength);
                Assert.That((result with { Actual = y }).Agrees, Is.False, name);
            }
        });
    }

    private static HostResult Product(ElementType element, ElementType output, ProductForm form, Func<ProductOperands, HostResult> launch, Precision? quantized = null, bool tensorCore = false)
    {
        using var operands = new ProductOperands(element, output, new(4, 63, 40), form, quantized, tensorCore);
        return launch(operands);
    }

    private static HostResult Attention(ElementType element, int dim, Func<AttentionOperands, HostResult> launch, int rows = 5)
    {
        using var operands = new AttentionOperands(element, new(4, 2, dim), AttentionCases.Sequence(rows, prefix: 20, span: false));
        return launch(operands);
    }

    private static void Transform(float[] y, Func<float, float> f)
    {
        for (var i = 0; i < y.Length; i++)
            y[i] = f(y[i]);
    }
}
