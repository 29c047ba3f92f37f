using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Models;
using Tuna2.Engine.Tests.Cpu;
using Tuna2.Engine.Tests.Parity;

namespace Tuna2.Engine.Tests.Models;

/// <summary>The VAE piece by piece; that it computes what the official code does is the parity cases' matter.</summary>
public class VaeCodecTests
{
    private const int Side = 32;

    private TunaModel _model = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        SeededWeights.MakeTuna();
        var folder = Fixtures.Path("tunavae-tiny");
        _model = await TunaModel.LoadAsync(
            new ModelFiles("tunavae-tiny", Path.Combine(folder, "config.json"), Path.Combine(folder, "tokenizer.json"), Path.Combine(folder, "model.safetensors")),
            () => new(new CpuBackend(2)), null, CancellationToken.None);
    }

    [OneTimeTearDown]
    public void Unload() => _model.Dispose();

    [Test]
    public void A_clips_beginning_does_not_depend_on_what_follows()
    {
        var pixels = Clip(9);
        using var codec = _model.NewVaeCodec(Side, Side);
        var (mean, _) = codec.Encode(pixels, 9, default);
        var (alone, _) = codec.Encode(Frames(pixels, 9, 5), 5, default);
        Assert.That(Frames(mean, 3, 2, 48, 4), Is.EqualTo(alone), "causal, and the second clip remembers nothing of the first");
    }

    [Test]
    public void Pieces_of_a_decoded_clip_follow_each_other()
    {
        using var codec = _model.NewVaeCodec(Side, Side);
        var (mean, _) = codec.Encode(Clip(9), 9, default);
        var pieces = new List<(int First, int Count, int Length)>();
        codec.Decode(mean, 3, (first, count, planes) => pieces.Add((first, count, planes.Length)), default);
        Assert.That(pieces, Is.EqualTo(new[] { (0, 1, 3 * Side * Side), (1, 4, 12 * Side * Side), (5, 4, 12 * Side * Side) }));
    }

    [Test]
    public void Memory_does_not_grow_with_the_clip()
    {
        long Bytes(int frames)
        {
            using var codec = _model.NewVaeCodec(Side, Side);
            var (mean, _) = codec.Encode(Clip(frames), frames, default);
            codec.Decode(mean, _model.Config.Vae!.LatentFrames(frames), (_, _, _) => { }, default);
            return codec.Bytes;
        }
        Assert.That(Bytes(61), Is.EqualTo(Bytes(13)));
    }

    [TestCase(0)]
    [TestCase(2)]
    [TestCase(4)]
    [TestCase(8)]
    public void A_clip_that_is_not_1_and_whole_pieces_is_refused(int frames)
    {
        using var codec = _model.NewVaeCodec(Side, Side);
        Assert.That(() => codec.Encode(new float[3 * frames * Side * Side], frames, default), Throws.TypeOf<RequestException>().With.Message.Contains($"not {frames}"));
    }

    [Test]
    public void Frames_and_latent_frames_correspond([Values(1, 2, 13)] int latent)
    {
        var vae = _model.Config.Vae!;
        Assert.That((vae.TemporalFactor, vae.PixelFrames(latent), vae.LatentFrames(vae.PixelFrames(latent))), Is.EqualTo((4, 4 * latent - 3, latent)));
    }

    [Test]
    public void What_is_prepared_is_all_that_is_taken([Values] bool encode, [Values(1, 3)] int latentFrames)
    {
        using var codec = _model.NewVaeCodec(Side, Side);
        if (encode)
            codec.PrepareToEncode(latentFrames);
        else
            codec.PrepareToDecode(latentFrames);
        var (bytes, live) = (codec.Bytes, CpuBuffer.Live);
        if (encode)
            codec.Encode(Clip(4 * latentFrames - 3), 4 * latentFrames - 3, default);
        else
            codec.Decode(new float[48 * latentFrames * 4], latentFrames, (_, _, _) => { }, default);
        Assert.That((codec.Bytes, CpuBuffer.Live), Is.EqualTo((bytes, live)));
    }

    [Test]
    public void Nothing_is_left_when_a_codec_goes()
    {
        var live = CpuBuffer.Live;
        using (var codec = _model.NewVaeCodec(Side, Side))
            codec.Encode(Clip(5), 5, default);
        Assert.That(CpuBuffer.Live, Is.EqualTo(live));
    }

    private static float[] Clip(int frames) => new SeededNumbers(frames).Floats(3 * frames * Side * Side);

    /// <summary>The first frames of planes (channels, frames, ...).</summary>
    private static float[] Frames(float[] planes, int frames, int taken, int channels = 3, int pixels = Side * Side) =>
        [.. Enumerable.Range(0, channels).SelectMany(c => planes.Skip(c * frames * pixels).Take(taken * pixels))];
}
