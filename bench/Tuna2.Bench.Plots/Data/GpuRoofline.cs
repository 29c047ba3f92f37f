using System.Globalization;
using Tuna2.Bench.Cases;
using Tuna2.Engine.Cuda;

namespace Tuna2.Bench.Plots.Data;

/// <summary>
/// The roofline of a GPU, of the rows of `bench/gpu/run.sh kernels lab`: every case of bench/Tuna2.Bench. What nobody measured stands where
/// the roof would have it, and is said to be no measurement.
/// </summary>
internal static class GpuRoofline
{
    /// <summary>An H200 SXM by its data sheet: bytes, dense bfloat16 operations with float32 sums and float32 operations, a second.</summary>
    private const double SheetBytes = 4.8e12, SheetTensor = 989e12, SheetVector = 67e12;

    private const string SheetName = "NVIDIA H200";

    /// <summary>The chart.</summary>
    public static RooflineChart Of(Results results)
    {
        var devices = results.Latest("device", Device.Of, _ => 0);
        var device = devices.Count == 0 ? null : devices[0];
        var measured = results.Latest("kernel", Time.Of, t => t.Case).Where(t => t.Seconds is not null).ToDictionary(t => t.Case, t => t.Seconds!.Value);
        var copies = results.Latest("copy", row => (How: row.Text("how"), Bytes: row.Positive("bytes"), Rate: row.Positive("gb_per_s") * 1e9, Gpu: row.Text("gpu")), c => (c.How, c.Bytes));
        // Of what no cache holds.
        var copy = copies.Where(c => c.How == "copy16" && c.Bytes >= 1L << 30).Select(c => c.Rate).DefaultIfEmpty(device?.CopyBytesPerSecond ?? 0).Max();
        var roofline = new Roofline(copy > 0 ? copy : SheetBytes, device?.TensorFlopsPerSecond ?? SheetTensor, device?.VectorFlopsPerSecond ?? SheetVector);

        var labelled = new HashSet<string>();
        var points = new List<RooflinePoint>();
        foreach (var c in KernelCases.All.Where(c => c.Cost.Flops > 0))
        {
            var seconds = measured.TryGetValue(c.Name, out var time) ? time : roofline.Seconds(c.Instance, c.Cost);
            points.Add(new(Series(c), labelled.Add(c.Instance.Source) ? c.Instance.Entry : "", (double)c.Cost.Flops / c.Cost.Bytes, c.Cost.Flops / seconds, measured.ContainsKey(c.Name)));
        }
        var copying = KernelCases.All.Where(c => c.Cost.Flops == 0).Select(c => c.Instance.Entry).Distinct().ToArray();
        var stated = device is null ? $"data sheet of the {SheetName}" : "stated";
        return new(
            device is null ? $"Every CUDA kernel at the 7B's shapes, {SheetName}: not run" : $"Every CUDA kernel at the 7B's shapes on {device.Name}",
            measured.Count == 0 ? "no kernel has run on a GPU: each stands at its operations per byte, where the roof would have it"
                : string.Create(CultureInfo.InvariantCulture, $"bench/results, measured {device?.Date}: {points.Count(p => p.Measured)} of {points.Count} cases; the others stand where the roof would have them"),
            [new(string.Create(CultureInfo.InvariantCulture, $"memory, {roofline.BytesPerSecond / 1e12:0.0} TB/s, {(copy > 0 ? "a copy, measured" : stated)}"), roofline.BytesPerSecond)],
            [
                new(string.Create(CultureInfo.InvariantCulture, $"bfloat16 products, {roofline.TensorFlopsPerSecond / 1e12:0} TFLOP/s, {stated}"), roofline.TensorFlopsPerSecond),
                new(string.Create(CultureInfo.InvariantCulture, $"float32, {roofline.VectorFlopsPerSecond / 1e12:0} TFLOP/s, {stated}"), roofline.VectorFlopsPerSecond),
            ],
            points, [$"no operations, so no place: {string.Join(", ", copying)}"]);
    }

    private static string Series(KernelCase c) => c.Instance.Source switch
    {
        "gemv.cu" or "attention_decode.cu" or "sample_token.cu" => "a decoded token",
        "matmul.cu" or "matmul_hopper.cu" or "matmul_f32.cu" => "products",
        "attention.cu" or "attention_hopper.cu" or "attention_f32.cu" or "attention_wide.cu" => "attention",
        "conv3d.cu" or "channel_norm.cu" or "average_down.cu" or "duplicate_up.cu" => "the VAE's",
        _ => "between products",
    };

    private sealed record Device(string Name, string Date, double CopyBytesPerSecond, double TensorFlopsPerSecond, double VectorFlopsPerSecond)
    {
        public static Device Of(ResultRow row) => new(
            row.Text("device"), row.Text("date")[..Math.Min(10, row.Text("date").Length)], row.Positive("copy_bytes_per_s"), row.Positive("tensor_flops_per_s"), row.Positive("vector_flops_per_s"));
    }

    /// <summary>Seconds are null where the case failed.</summary>
    private sealed record Time(string Case, double? Seconds)
    {
        public static Time Of(ResultRow row) => new($"{row.Text("name")} {row.Text("shape")}", row.Has("failed") ? null : row.Positive("us") / 1e6);
    }
}
