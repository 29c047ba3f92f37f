using NUnit.Framework;
using Tuna2.Engine.Sampling;

namespace Tuna2.Engine.Tests.Sampling;

public class TimeGridTests
{
    [Test]
    public void Times_rise_evenly_from_zero_to_one([Values(1, 2, 3, 7, 50, 1000, 10000)] int steps)
    {
        var times = TimeGrid.Linear(steps);
        Assert.That(times, Has.Length.EqualTo(steps + 1));
        Assert.That((times[0], times[^1]), Is.EqualTo((0f, 1f)));
        for (var i = 0; i <= steps; i++)
            Assert.That((double)times[i], Is.EqualTo((double)i / steps).Within(1.2e-7));
        Assert.That(times, Is.Ordered.Ascending);
    }

    [Test]
    public void A_shift_keeps_the_ends_and_their_order([Values(1, 3, 49)] int steps, [Values(0.5f, 1f, 3f)] float shift)
    {
        float[] times = TimeGrid.Shifted(steps, shift), plain = TimeGrid.Linear(steps);
        Assert.That((times[0], times[^1]), Is.EqualTo((0f, 1f)));
        Assert.That(times, Is.Ordered.Ascending);
        for (var i = 0; i <= steps; i++)
            Assert.That((double)times[i], Is.EqualTo(plain[i] / (plain[i] + shift - (double)shift * plain[i])).Within(1e-6));
    }

    /// <summary>torch.linspace(0, 1, 8): from both ends towards the middle, so the later half is 1 - k / 7.</summary>
    [Test]
    public void The_later_half_is_counted_from_the_end()
    {
        const float seventh = 1f / 7;
        Assert.That(TimeGrid.Linear(7), Is.EqualTo(new[] { 0, seventh, 2 * seventh, 3 * seventh, 1 - 3 * seventh, 1 - 2 * seventh, 1 - seventh, 1 }));
    }
}
