using Tuna2.Engine;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Quality;

/// <summary>
/// What the format might have been: pictures of models whose weights went through a candidate and back, and are then stored as float32. What the
/// engine does is one of them.
/// </summary>
internal static class Choices
{
    public static async Task RunAsync(string directory, int threads, int seeds, Report report)
    {
        var stored = (await PictureErrors.MakeAsync(directory, threads, seeds, WeightFormat.Stored).ConfigureAwait(false)).Pictures;
        Report.Head("layers, AdaLN, output", "MiB", "weights off by", "worst PSNR dB", "mean PSNR dB", "best PSNR dB", "seeds");
        foreach (var (name, candidate) in Candidates())
        {
            var aside = Directory.CreateTempSubdirectory("tuna2-quality-").FullName;
            try
            {
                var (bits, off) = Write(directory, aside, candidate);
                var made = await PictureErrors.MakeAsync(aside, threads, seeds, WeightFormat.Stored).ConfigureAwait(false);
                PictureErrors.Add(report, "quality choices", name, bits / 8, PictureErrors.Compare(stored, made.Pictures), off);
            }
            finally
            {
                Directory.Delete(aside, recursive: true);
            }
        }
    }

    private static IEnumerable<(string, Func<MatrixRole, Scheme?>)> Candidates()
    {
        yield return ("int8 a row", role => Int8(role, null));
        yield return ("int8 a row, AdaLN kept", role => role == MatrixRole.Modulation ? null : Int8(role, null));
        yield return ("int8, 128 columns", role => Int8(role, 128));
        foreach (var group in new[] { 32, 64, 128 })
        {
            yield return ($"int4, {group} columns, least squares; AdaLN int8", role => role == MatrixRole.Layer ? new(Precision.Int4, group) : Int8(role, null));
            yield return ($"int4, {group} columns, largest to -8; AdaLN int8", role => role == MatrixRole.Layer ? new(Precision.Int4, group, Largest: true) : Int8(role, null));
        }
        yield return ("int4, 32 columns, least squares; AdaLN int4", role => new(Precision.Int4, 32));
        yield return ("int4, 32 columns, least squares; AdaLN kept", role => role == MatrixRole.Layer ? new(Precision.Int4, 32) : null);

        static Scheme Int8(MatrixRole _, int? group) => new(Precision.Int8, group ?? int.MaxValue);
    }

    /// <summary>How a matrix is quantized.</summary>
    private sealed record Scheme(Precision Precision, int Group, bool Largest = false);

    /// <summary>Returns the bits of all weights, and how far those of the layers are off, relative.</summary>
    private static (long Bits, double Off) Write(string from, string to, Func<MatrixRole, Scheme?> candidate)
    {
        long bits = 0;
        double off = 0, all = 0;
        using var checkpoint = Checkpoint.Open(from);
        foreach (var name in (string[])[ModelConfig.FileName, "tokenizer.json"])
            File.Copy(Path.Combine(from, name), Path.Combine(to, name));
        SafetensorsWriter.Write(Path.Combine(to, "model.safetensors"), [.. checkpoint.Tensors.Values.Select(tensor =>
        {
            var values = checkpoint.ReadFloat32(tensor.Name);
            if (RoleOf(tensor.Name) is { } role && role != MatrixRole.Kept && candidate(role) is { } scheme)
            {
                var columns = (int)tensor.Shape[1];
                bits += (scheme.Precision == Precision.Int8 ? 8 : 4) * values.LongLength;
                var exact = values.ToArray();
                foreach (var row in Enumerable.Range(0, (int)tensor.Shape[0]))
                    bits += Requantize(scheme, values.AsSpan(row * columns, columns));
                if (role == MatrixRole.Layer)
                    (off, all) = (off + exact.Zip(values, (a, b) => ((double)a - b) * ((double)a - b)).Sum(), all + exact.Sum(a => (double)a * a));
            }
            else
            {
                bits += values.LongLength * (tensor.Shape.Count > 1 ? 16 : 32);
            }
            return TensorData.FromFloat32(tensor.Name, tensor.Shape, values);
        })]);
        return (bits, Math.Sqrt(off / all));
    }

    /// <summary>Returns the bits of the row's scales.</summary>
    private static long Requantize(Scheme scheme, Span<float> row)
    {
        var group = Math.Min(scheme.Group, scheme.Precision == Precision.Int8 ? row.Length : scheme.Group);
        if (scheme.Largest)
        {
            for (var first = 0; first < row.Length; first += group)
            {
                var part = row.Slice(first, Math.Min(group, row.Length - first));
                var largest = part.ToArray().MaxBy(Math.Abs);
                var scale = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(largest / -8) + 0x8000 & 0xFFFF0000);
                foreach (ref var x in part)
                    x = scale == 0 ? 0 : Math.Clamp(MathF.Round(x / scale), -8, 7) * scale;
            }
        }
        else
        {
            var quantizer = new RowQuantizer(scheme.Precision, row.Length, group);
            byte[] elements = new byte[quantizer.ElementBytes], scales = new byte[quantizer.ScaleBytes];
            quantizer.Quantize(row, elements, scales);
            quantizer.Dequantize(elements, scales, row);
        }
        return (row.Length + group - 1) / group * 8L * scheme.Precision.ScaleBytes();
    }

    /// <summary>What loading calls them: the names are the checkpoint's.</summary>
    private static MatrixRole? RoleOf(string name) =>
        name.EndsWith("adaLN_modulation.1.weight", StringComparison.Ordinal) ? MatrixRole.Modulation
        : name.EndsWith("_proj.weight", StringComparison.Ordinal) ? MatrixRole.Layer
        : name == "tuna.lm_head.weight" ? MatrixRole.LanguageHead
        : null;
}
