using NUnit.Framework;
using Tuna2.Engine.Kernels;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/random_weights.cu in the host runner, against <see cref="HashedTensor"/>, which stands for bench/peers/weights_hash.py.</summary>
public class RandomWeightsHostTests
{
    private static readonly HostRunner Runner = new();

    [TestCase("tuna.model.layers.0.mlp.up_proj.weight", 1)]
    [TestCase("tuna.model.norm.weight", 255)]
    [TestCase("tuna.model.layers.3.self_attn.k_proj.bias", 256)]
    [TestCase("diffusion_head_b.linear.weight", 1000)]
    public void Makes_what_the_definition_says(string name, int count)
    {
        foreach (var element in new[] { ElementType.BF16, ElementType.F32 })
        {
            using var y = element.Output("y", count);
            var tensor = HashedTensor.Of(name, [count, 3584]);
            Runner.LaunchChecked(new Engine.Kernels.RandomWeights(element), Args(y, tensor, count), y);
            Assert.That(element.Read(y), Is.EqualTo(Enumerable.Range(0, count).Select(i => tensor[i])));
        }
    }

    [Test]
    public void Makes_convolutions_in_the_order_they_are_kept([Values] ElementType element)
    {
        const int Rows = 7, Channels = 12, Taps = 27;
        var tensor = HashedTensor.Of("vae.model.decoder.conv1.weight", [Rows, Channels, 3, 3, 3]) with { Channels = Channels, Taps = Taps };
        using var y = element.Output("y", Rows * Channels * Taps);
        Runner.LaunchChecked(new Engine.Kernels.RandomWeights(element), Args(y, tensor, Rows * Channels * Taps), y);
        Assert.That(element.Read(y), Is.EqualTo(Enumerable.Range(0, Rows * Channels * Taps).Select(i => tensor[i])));
    }

    [Test]
    public void Stays_in_its_buffers([Values] ElementType element)
    {
        using var y = element.Output("y", 300);
        SanitizedRunner.Launch(new Engine.Kernels.RandomWeights(element), Args(y, new(1, 0, 1), 300), y);
    }

    private static RandomWeightsArgs Args(HostBuffer y, HashedTensor tensor, int count) =>
        new() { Y = y.Address, Count = count, Id = tensor.Id, Base = tensor.Base, Scale = tensor.Scale, Channels = (uint)tensor.Channels, Taps = (uint)tensor.Taps };
}
