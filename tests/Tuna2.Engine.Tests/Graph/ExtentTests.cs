using NUnit.Framework;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Graph;

public class ExtentTests
{
    [TestCase(0)]
    [TestCase(7)]
    [TestCase(10)]
    public void A_number_within_the_bound_is_taken(int value) => Assert.That(new Extent("tokens", 10) { Value = value }.Value, Is.EqualTo(value));

    [TestCase(-1)]
    [TestCase(11)]
    [TestCase(int.MaxValue)]
    public void A_number_outside_the_bound_is_an_error_and_changes_nothing(int value)
    {
        var extent = new Extent("tokens", 10) { Value = 3 };
        Assert.That(() => extent.Value = value, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("'tokens'"));
        Assert.That(extent.Value, Is.EqualTo(3));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void A_bound_below_one_is_an_error(int bound) => Assert.That(() => new Extent("tokens", bound), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void The_bound_is_what_runs_when_nothing_else_is_said() => Assert.That(new Extent("tokens", 10).Value, Is.EqualTo(10));
}
