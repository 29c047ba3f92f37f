using Tuna2.Engine.Imaging;

namespace Tuna2.Engine.Models;

/// <summary>The sampler's last state as a picture (MODEL.md section 4, "Output").</summary>
internal static class OutputPicture
{
    /// <summary>Tuna-2's is clamped as it is; Tuna-R's is stretched to its own range first, as its official pipelines do.</summary>
    /// <param name="config">The model.</param>
    /// <param name="final">(3, height, width) planes.</param>
    /// <param name="width">Columns in pixels.</param>
    /// <param name="height">Rows in pixels.</param>
    public static RgbImage Of(ModelConfig config, ReadOnlySpan<float> final, int width, int height)
    {
        if (config.Variant != ModelVariant.Tuna2RPixel)
            return PixelTensor.ToImage(final, width, height);
        var stretched = final.ToArray();
        PixelTensor.StretchRange(stretched);
        return PixelTensor.ToImage(stretched, width, height);
    }
}
