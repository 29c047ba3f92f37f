namespace Tuna2.Cli.Output;

/// <summary>How near a picture is to the one it was made from.</summary>
/// <param name="Psnr">Peak signal-to-noise ratio in dB; infinite for identical pictures.</param>
/// <param name="Ssim">Structural similarity, 1 for identical pictures.</param>
internal readonly record struct Quality(double Psnr, double Ssim);
