using NUnit.Framework;
using Tuna2.Engine.Parity;
namespace Tuna2.Engine.Tests;
public class Scratch
{
    [TestCase("tuna2-tiny")]
    [TestCase("tuna2-shapes")]
    [TestCase("tuna2-tiny-bf16")]
    [TestCase("tokenizer")]
    [TestCase("torch_rng")]
    [TestCase("preprocess")]
    public async Task Go(string dir)
    {
        var r = await ParityRunner.RunAsync("/work/shared/goldens/" + dir);
        foreach (var c in r.Cases)
        {
            Console.WriteLine($"{c.Name} {c.Status} {c.Reason} not compared: {string.Join(' ', c.NotCompared)}");
            foreach (var k in c.Checks) Console.WriteLine($"   {k.Name,-26} {k.Path,-12} {k.MaxError,9:E1} {k.RelativeError,9:E1} {k.Limit} {(k.Passed ? "ok" : "FAIL")} {k.Note}");
        }
        Assert.That(r.Failed, Is.Zero);
    }
}
