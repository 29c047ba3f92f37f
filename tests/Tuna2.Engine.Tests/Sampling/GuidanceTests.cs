using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

public class GuidanceTests
{
    [TestCase(0f, 1f, 0f, 3f)]
    [TestCase(0f, 1f, 0.999f, 3f)]
    [TestCase(0f, 1f, 1f, 1f)]
    [TestCase(0f, 0.5f, 0f, 3f)]
    [TestCase(0f, 0.5f, 0.5f, 1f)]
    [TestCase(0.1f, 0.5f, 0f, 1f)]
    [TestCase(0.1f, 0.5f, 0.1f, 1f)]
    [TestCase(0.1f, 0.5f, 0.11f, 3f)]
    [TestCase(0.1f, 0.5f, 0.6f, 1f)]
    [TestCase(0f, 0f, 0f, 1f)]
    public void It_acts_inside_its_interval_only(float low, float high, float time, float strength) =>
        Assert.That(new Guidance(3, low, high).At(time), Is.EqualTo(strength));

    [TestCase(0f)]
    [TestCase(1f)]
    public void Zero_and_one_mean_the_prompt_alone(float scale)
    {
        var guidance = new Guidance(scale);
        Assert.That(guidance.Needed, Is.False);
        Assert.That(new[] { 0f, 0.5f, 1f }.Select(guidance.At), Is.All.EqualTo(1));
    }

    [TestCase(0.5f)]
    [TestCase(1.001f)]
    [TestCase(7f)]
    public void Any_other_strength_needs_the_second_branch(float scale) => Assert.That(new Guidance(scale).Needed);
}
