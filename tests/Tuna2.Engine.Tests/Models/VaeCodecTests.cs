using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Imaging;
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
    public void A_picture_needs_no_caches_and_is_a_clips_first_frame()
    {
        const int cells = Side / 16 * Side / 16;
        float[] latents = new SeededNumbers(1).Floats(48 * 2 * cells), first = Frames(latents, 2, 1, 48, cells), picture = [], begun = [];
        using VaeCodec alone = _model.NewVaeCodec(Side, Side), clip = _model.NewVaeCodec(Side, Side);
        alone.Decode(first, 1, (_, _, planes) => picture = planes, default);
        clip.Decode(latents, 2, (frame, _, planes) => begun = frame == 0 ? planes : begun, default);
        Assert.That(picture, Is.EqualTo(begun));

        Assert.That(alone.CacheBytes, Is.Zero);
        Assert.That(clip.CacheBytes, Is.GreaterThan(0));
        Assert.That(clip.Bytes - alone.Bytes, Is.GreaterThanOrEqualTo(clip.CacheBytes));
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
    public void A_clips_pictures_become_planes_colour_by_colour_and_frame_by_frame([Values(1, 5)] int frames)
    {
        var numbers = new SeededNumbers(3);
        RgbImage[] pictures = [.. Enumerable.Range(0, frames).Select(_ => new RgbImage(Side, Side, Enumerable.Range(0, 3 * Side * Side).Select(_ => (byte)numbers.Below(256)).ToArray()))];
        float[] planes = [.. Enumerable.Range(0, 3).SelectMany(c => pictures.SelectMany(picture => Enumerable.Range(0, Side * Side).Select(p => picture.Pixels.Span[3 * p + c] / 127.5f - 1f)))];
        using var expected = _model.NewVaeCodec(Side, Side);
        using var codec = PictureCodec.Of(_model, Side, Side);
        Assert.That(codec.Encode(pictures, default), Is.EqualTo(expected.Encode(planes, frames, default).Mean));
    }

    [Test]
    public void A_decoded_clips_pictures_are_its_frames_in_order()
    {
        var latents = new SeededNumbers(4).Floats(48 * 2 * 4);
        var planes = new float[5][];
        using var expected = _model.NewVaeCodec(Side, Side);
        expected.Decode(latents, 2, (first, count, piece) =>
        {
            for (var i = 0; i < count; i++)
                planes[first + i] = [.. Enumerable.Range(0, 3).SelectMany(c => piece.Skip((c * count + i) * Side * Side).Take(Side * Side))];
        }, default);
        using var codec = PictureCodec.Of(_model, Side, Side);
        var pictures = new List<RgbImage>();
        codec.Decode(latents, 2, pictures.Add, default);
        Assert.That(pictures.Select(picture => picture.Pixels.ToArray()), Is.EqualTo(planes.Select(plane => PixelTensor.ToImage(plane, Side, Side).Pixels.ToArray())));
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
