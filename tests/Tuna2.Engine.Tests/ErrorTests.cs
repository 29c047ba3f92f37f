using NUnit.Framework;

namespace Tuna2.Engine.Tests;

/// <summary>Every deliberate error is one family, so that one catch shows them all.</summary>
public class ErrorTests
{
    [Test]
    public void Every_error_is_a_Tuna2Exception()
    {
        foreach (var type in typeof(Tuna2Exception).Assembly.GetExportedTypes().Where(t => t.IsAssignableTo(typeof(Exception))))
            Assert.That(type.IsAssignableTo(typeof(Tuna2Exception)), Is.True, type.FullName);
    }
}
