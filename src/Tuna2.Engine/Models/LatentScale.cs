namespace Tuna2.Engine.Models;

/// <summary>
/// How latents are normalised: (mu - m) / s per channel (MODEL.md section 7). The released Tuna models were trained with the
/// table of standard deviations in both places, so m is s here too (official wan22_vae.py, WAN_VAE_2_2_STD).
/// </summary>
internal static class LatentScale
{
    private static readonly float[] _deviation =
    [
        0.4765f, 1.0364f, 0.4514f, 1.1677f, 0.5313f, 0.4990f, 0.4818f, 0.5013f, 0.8158f, 1.0344f, 0.5894f, 1.0901f, 0.6885f, 0.6165f, 0.8454f, 0.4978f,
        0.5759f, 0.3523f, 0.7135f, 0.6804f, 0.5833f, 1.4146f, 0.8986f, 0.5659f, 0.7069f, 0.5338f, 0.4889f, 0.4917f, 0.4069f, 0.4999f, 0.6866f, 0.4093f,
        0.5709f, 0.6065f, 0.6415f, 0.4944f, 0.5726f, 1.2042f, 0.5458f, 1.6887f, 0.3971f, 1.0600f, 0.3943f, 0.5537f, 0.5444f, 0.4089f, 0.7468f, 0.7744f,
    ];

    /// <summary>Channels the table is for.</summary>
    public static int Channels => _deviation.Length;

    /// <summary>A raw mean as the model sees it.</summary>
    public static float Normalise(float mean, int channel) => (mean - _deviation[channel]) * (1f / _deviation[channel]);

    /// <summary>What the decoder is given.</summary>
    public static float Restore(float latent, int channel) => latent / (1f / _deviation[channel]) + _deviation[channel];
}
