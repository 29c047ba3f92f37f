using System.Text.Json;
using Tuna2.Engine.Imaging;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Parity;

/// <summary>Kind "preprocess": pictures scaled and cropped as the official code does, to the byte.</summary>
internal static class PreprocessParity
{
    public static IEnumerable<ParityCase> Run(string directory, JsonElement root, CancellationToken cancellation)
    {
        foreach (var element in ParityRunner.CasesOf(directory, root))
        {
            cancellation.ThrowIfCancellationRequested();
            var input = ParityRunner.FileOf(directory, element, "input");
            yield return ParityRunner.RunCase(Path.GetFileName(input), "preprocess", checks =>
            {
                var description = new CaseDescription(element, Path.Combine(directory, "cases.json"));
                var cropped = CoverCrop.Apply(RgbImage.Load(input, ImageReadOptions.AsStored), description.Integer("target_width"), description.Integer("target_height"));
                checks.Identical("bytes", "", cropped.Pixels.Span, RgbImage.Load(ParityRunner.FileOf(directory, element, "resized_cropped"), ImageReadOptions.AsStored).Pixels.Span);
                if (!description.Has("tensor"))
                    return;
                using var file = new SafetensorsFile(ParityRunner.FileOf(directory, element, "tensor"));
                checks.Floats("tensor", "", PixelTensor.FromImage(cropped), file.ReadFloat32("tensor"), 0, 1e-6);
            });
        }
    }
}
