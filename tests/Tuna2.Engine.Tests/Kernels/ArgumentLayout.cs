using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Tuna2.Engine.Tests.Kernels;

/// <summary>
/// The layout of a C# argument struct as assertions about the CUDA struct of the same name: its size, and of every field, whose name
/// is the C# one in snake_case, the offset and the type. Fields are counted too, since one more could hide in padding. A struct
/// within an argument is whatever type its field has over there.
/// </summary>
static class ArgumentLayout
{
    /// <summary>
    /// What the assertions stand on: NVRTC has no headers, hence no type traits, nor offsetof. In the latter's place, here and nowhere
    /// else, is __INTADDR__, by which its front end folds the address of a member of the object at 0.
    /// </summary>
    private const string Preamble = """
        template <typename A, typename B> struct layout_same { static constexpr bool value = false; };
        template <typename A> struct layout_same<A, A> { static constexpr bool value = true; };
        template <typename A> struct layout_address { static constexpr bool value = layout_same<A, unsigned long long>::value; };
        template <typename A> struct layout_address<A*> { static constexpr bool value = true; };

        """;

    /// <summary>The assertions for an argument, and for the structs within it.</summary>
    public static string Assertions(Type type)
    {
        var text = new StringBuilder(Preamble);
        Append(text, type, type.Name);
        return text.ToString();
    }

    /// <summary>RowSequence is row_sequence.</summary>
    public static string SnakeCase(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? $"{(i > 0 ? "_" : "")}{char.ToLowerInvariant(c)}" : $"{c}"));

    /// <summary>The fields of a struct, in the order they were declared.</summary>
    public static FieldInfo[] Fields(Type type) =>
        [.. type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(f => f.MetadataToken)];

    private static void Append(StringBuilder text, Type type, string structure)
    {
        var fields = Fields(type);
        text.AppendLine(CultureInfo.InvariantCulture, $"static_assert(sizeof({structure}) == {Marshal.SizeOf(type)}, \"{structure}: size\");");
        foreach (var field in fields)
        {
            var name = SnakeCase(field.Name);
            text.AppendLine(CultureInfo.InvariantCulture, $"static_assert(__INTADDR__(&(({structure}*)0)->{name}) == {Marshal.OffsetOf(type, field.Name)}, \"{structure}.{name}: offset\");");
            var declared = $"decltype({structure}::{name})";
            if (IsStruct(field.FieldType))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"typedef {declared} {structure}_{name};");
                Append(text, field.FieldType, $"{structure}_{name}");
                continue;
            }
            text.AppendLine(CultureInfo.InvariantCulture, $"static_assert({IsOfType(declared, field.FieldType)}, \"{structure}.{name}: type\");");
        }
        // A structured binding names each field, no fewer and no more.
        var names = string.Join(", ", fields.Select((_, i) => $"f{i}"));
        text.AppendLine(CultureInfo.InvariantCulture, $"static __device__ void number_of_fields(const {structure}& a) {{ const auto& [{names}] = a; }}");
    }

    private static string IsOfType(string declared, Type type)
    {
        if (IsBuffer(type))
            return $"sizeof({declared}) == {Marshal.SizeOf(type)}";
        if (type == typeof(ulong)) // how addresses travel
            return $"layout_address<{declared}>::value";
        return $"layout_same<{declared}, {NameOf(type)}>::value";
    }

    private static string NameOf(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Int32 when !type.IsEnum => "int",
        TypeCode.UInt32 when !type.IsEnum => "unsigned int",
        TypeCode.Int64 when !type.IsEnum => "long long",
        TypeCode.UInt16 when !type.IsEnum => "unsigned short",
        TypeCode.Byte when !type.IsEnum => "unsigned char",
        TypeCode.Single => "float",
        _ => throw new NotSupportedException($"{type} does not cross into a kernel"),
    };

    private static bool IsStruct(Type type) => type is { IsValueType: true, IsPrimitive: false, IsEnum: false } && !IsBuffer(type);

    private static bool IsBuffer(Type type) => type.IsDefined(typeof(InlineArrayAttribute), false) || type.IsDefined(typeof(UnsafeValueTypeAttribute), false);
}
