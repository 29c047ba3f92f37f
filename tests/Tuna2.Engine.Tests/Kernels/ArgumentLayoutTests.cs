using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>The C# argument structs are laid out as the kernels': the compiler is asked.</summary>
public partial class ArgumentLayoutTests
{
    private const string Source = """
        struct SampleArgs { const float* x; float scale; int bias; int rows; };
        extern "C" __global__ void sample(const __grid_constant__ SampleArgs a) { }
        """;

    private static readonly KernelInstance _sample = new("sample", "sample.cu", []);

    private static readonly Type[] _structs =
        [.. typeof(KernelCatalog).Assembly.GetTypes().Where(t => t.Namespace == typeof(KernelCatalog).Namespace && t.IsValueType && t.Name.EndsWith("Args", StringComparison.Ordinal))];

    [TestCaseSource(typeof(KernelCatalog), nameof(KernelCatalog.Instances))]
    public void The_argument_is_laid_out_as_the_kernel_has_it(KernelInstance instance)
    {
        var names = DeclaredArguments().Matches(KernelCatalog.Files[instance.Source]).Select(m => m.Groups["name"].Value).ToArray();
        Assert.That(names, Is.Not.Empty, "a kernel takes one struct, named after it");
        foreach (var name in names)
        {
            var type = _structs.SingleOrDefault(t => t.Name == name);
            Assert.That(type, Is.Not.Null, $"there is no C# struct {name}");
            Assert.That(NvrtcUnderTest.Check(instance, ArgumentLayout.Assertions(type!)), Is.Null);
        }
    }

    [Test]
    public void Every_struct_belongs_to_a_kernel()
    {
        var inner = _structs.SelectMany(ArgumentLayout.Fields).Select(f => f.FieldType);
        foreach (var type in _structs.Except(inner))
            Assert.That(KernelCatalog.Files.Values.Any(text => DeclaredArguments().Matches(text).Any(m => m.Groups["name"].Value == type.Name)), type.Name);
    }

    [TestCase("float scale; int bias;", "int bias; float scale;", "offset", TestName = "Swapped_fields_of_equal_size_are_noticed")]
    [TestCase("int bias;", "float bias;", "type", TestName = "A_changed_type_is_noticed")]
    [TestCase("int bias;", "short bias;", "type", TestName = "A_narrowed_type_is_noticed")]
    [TestCase("const float* x;", "double x;", "type", TestName = "A_number_in_place_of_an_address_is_noticed")]
    [TestCase("int rows;", "int rows; int more;", "more elements than", TestName = "A_field_in_the_padding_is_noticed")]
    [TestCase("int rows;", "int rows; int more[2];", "size", TestName = "A_longer_struct_is_noticed")]
    [TestCase("int rows;", "int lines;", "rows", TestName = "A_renamed_field_is_noticed")]
    public void A_mismatch_is_noticed(string part, string changed, string said)
    {
        var source = Source.Replace(part, changed, StringComparison.Ordinal);
        Assert.That(source, Is.Not.EqualTo(Source));
        Assert.That(NvrtcUnderTest.Check(_sample, source, ArgumentLayout.Assertions(typeof(SampleArgs))), Does.Contain(said));
    }

    [Test]
    public void A_match_is_accepted() =>
        Assert.That(NvrtcUnderTest.Check(_sample, Source, ArgumentLayout.Assertions(typeof(SampleArgs))), Is.Null);

    [TestCase("Dim", "dim")]
    [TestCase("RowSequence", "row_sequence")]
    [TestCase("QBegin", "q_begin")]
    [TestCase("X0", "x0")]
    public void Names_are_turned_by_rule(string name, string expected) => Assert.That(ArgumentLayout.SnakeCase(name), Is.EqualTo(expected));

    [StructLayout(LayoutKind.Sequential)]
    private struct SampleArgs
    {
        public ulong X;
        public float Scale;
        public int Bias;
        public int Rows;
    }

    [GeneratedRegex(@"^struct (?<name>\w+Args)\b", RegexOptions.Multiline)]
    private static partial Regex DeclaredArguments();
}
