using NUnit.Framework;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Tests.Cpu;

public class EmbeddingGatherTests
{
    private const int Vocabulary = 11, Width = 37;

    [TestCase(Precision.BF16)]
    [TestCase(Precision.F32)]
    public void Rows_get_their_tokens_embedding_and_others_are_left_alone(Precision precision)
    {
        var numbers = new SeededNumbers(3);
        float[] table = numbers.Floats(Vocabulary * Width, precision), before = numbers.Floats(6 * Width);
        int[] tokens = [10, -1, 0, 3, -1, 10];
        var expected = new double[6 * Width];
        for (var i = 0; i < expected.Length; i++)
            expected[i] = tokens[i / Width] < 0 ? before[i] : table[tokens[i / Width] * Width + i % Width];
        Everywhere.Computes(expected, Width, 0, rig =>
        {
            var y = rig.Value("y", 6, Width, before);
            rig.Run(new EmbeddingGather("embed", rig.Weight(Vocabulary, Width, precision, table), y), new Batch { Tokens = tokens });
            return rig.Read(y);
        });
    }

    [TestCase(Vocabulary)]
    [TestCase(int.MaxValue)]
    [TestCase(-2)]
    [TestCase(int.MinValue)]
    public void A_token_outside_the_vocabulary_is_an_error_that_names_it(int token)
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new EmbeddingGather("embed", rig.Weight(Vocabulary, Width, Precision.F32, new float[Vocabulary * Width]), rig.Value("y", 1, Width));
        Assert.That(() => rig.Run(op, new Batch { Tokens = [token] }), Throws.TypeOf<RequestException>().With.Message.Contains($"{token}"));
    }

    [Test]
    public void More_tokens_than_rows_are_an_error()
    {
        using var rig = new CpuRig(Everywhere.Backends.First());
        var op = new EmbeddingGather("embed", rig.Weight(1, Width, Precision.F32, new float[Width]), rig.Value("y", 1, Width));
        Assert.That(() => rig.Run(op, new Batch { Tokens = [0, 0] }), Throws.InvalidOperationException);
    }
}
