using NUnit.Framework;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Weights;

/// <summary>The vectors of bench/peers/weights_hash.py, which is the definition.</summary>
public class HashedTensorTests
{
    [TestCase("tuna.model.embed_tokens.weight", new long[] { 151669, 3584 }, 0L, (ushort)0xBB61)]
    [TestCase("tuna.model.embed_tokens.weight", new long[] { 151669, 3584 }, 543581695L, (ushort)0xBC8F)]
    [TestCase("tuna.model.layers.0.self_attn.q_proj.weight", new long[] { 3584, 3584 }, 1L, (ushort)0xBC47)]
    [TestCase("tuna.model.layers.27.mlp.down_proj.weight", new long[] { 3584, 18944 }, 67895295L, (ushort)0x3BA7)]
    [TestCase("tuna.model.layers.3.self_attn.k_proj.bias", new long[] { 512 }, 17L, (ushort)0xBCC9)]
    [TestCase("tuna.model.norm.weight", new long[] { 3584 }, 100L, (ushort)0x3F7B)]
    [TestCase("diffusion_head_a.15.self_attn.q_norm.weight", new long[] { 64 }, 63L, (ushort)0x3F7D)]
    [TestCase("diffusion_head_a.7.adaLN_modulation.1.weight", new long[] { 21504, 3584 }, 77070335L, (ushort)0x3C8C)]
    [TestCase("vision_encoder.patch_embedding.weight", new long[] { 3584, 3, 16, 16 }, 2752511L, (ushort)0x3CB5)]
    [TestCase("diffusion_head_b.linear.bias", new long[] { 768 }, 767L, (ushort)0xBCBB)]
    [TestCase("vision_model.encoder.layers.3.layer_norm1.weight", new long[] { 1152 }, 7L, (ushort)0x3F75)]
    [TestCase("vae.model.decoder.head.0.gamma", new long[] { 256, 1, 1, 1 }, 255L, (ushort)0x3F82)]
    [TestCase("vae.model.decoder.conv1.weight", new long[] { 1024, 48, 3, 3, 3 }, 1327103L, (ushort)0x3BA1)]
    public void An_element_is_what_the_definition_says(string name, long[] shape, long index, ushort bits) =>
        Assert.That(BitConverter.SingleToUInt32Bits(HashedTensor.Of(name, shape)[index]), Is.EqualTo((uint)bits << 16));

    [Test]
    public void A_convolution_has_its_taps_before_its_channels()
    {
        const int Rows = 3, Channels = 5, Taps = 4;
        var official = HashedTensor.Of("vae.model.encoder.conv1.weight", [Rows, Channels, 1, 2, 2]);
        var kept = official with { Channels = Channels, Taps = Taps };
        for (var r = 0; r < Rows; r++)
            for (var t = 0; t < Taps; t++)
                for (var c = 0; c < Channels; c++)
                    Assert.That(kept[(r * Taps + t) * Channels + c], Is.EqualTo(official[(r * Channels + c) * Taps + t]));
    }

    [Test]
    public void A_backend_fills_with_them([Values(Precision.BF16, Precision.F32)] Precision precision)
    {
        const int Count = (1 << 18) + 4097, Offset = 8;
        IBackend backend = new CpuBackend(1);
        using (backend)
        {
            var size = precision == Precision.BF16 ? 2 : 4;
            using var buffer = backend.Allocate(Count * size + Offset, "weights");
            var tensor = HashedTensor.Of("tuna.lm_head.weight", [Count, 24]);
            backend.Fill(tensor, Count, precision, buffer, Offset);
            var bytes = new byte[Count * size];
            backend.Download(buffer, Offset, bytes);
            foreach (var i in new[] { 0, 4095, 4096, (1 << 18) - 1, 1 << 18, Count - 1 })
            {
                var bits = precision == Precision.BF16 ? (uint)BitConverter.ToUInt16(bytes, 2 * i) << 16 : BitConverter.ToUInt32(bytes, 4 * i);
                Assert.That(BitConverter.UInt32BitsToSingle(bits), Is.EqualTo(tensor[i]), $"element {i}");
            }
        }
    }
}
