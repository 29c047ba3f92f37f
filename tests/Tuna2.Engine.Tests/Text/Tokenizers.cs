using System.IO.Compression;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>The tokenizer files the tests use, each loaded once.</summary>
static class Tokenizers
{
    static readonly Lazy<byte[]> s_qwenFile = new(Unpack);
    static readonly Lazy<Tokenizer> s_qwen = new(() => LoadBytes(s_qwenFile.Value));
    static readonly Lazy<Tokenizer> s_tiny = new(() => Tokenizer.Load(TinyPath));
    static readonly Lazy<Tokenizer> s_shapes = new(() => Tokenizer.Load(ShapesPath));

    public static string TinyPath => Fixtures.Path("tokenizer", "tuna2-tiny.json");

    public static string ShapesPath => Path.Combine(Fixtures.Repository, "models", "tuna2-shapes", "tokenizer.json");

    /// <summary>Qwen2.5's own tokenizer.json, 7 MB.</summary>
    public static byte[] QwenFile => s_qwenFile.Value;

    /// <summary>Qwen2.5's, with the four tokens Tuna-2 adds.</summary>
    public static Tokenizer Qwen => s_qwen.Value;

    /// <summary>256 bytes and 11 added tokens, no merges.</summary>
    public static Tokenizer Tiny => s_tiny.Value;

    /// <summary>The demo model's: 445 tokens and 11 added ones.</summary>
    public static Tokenizer Shapes => s_shapes.Value;

    /// <summary>One of the above by name, for parametrised tests.</summary>
    public static Tokenizer Named(string name) => name switch
    {
        "qwen" => Qwen,
        "tuna2-tiny" => Tiny,
        "tuna2-shapes" => Shapes,
        _ => throw new ArgumentException(name),
    };

    /// <summary>Its file's content.</summary>
    public static byte[] FileNamed(string name) => name switch
    {
        "qwen" => QwenFile,
        "tuna2-tiny" => File.ReadAllBytes(TinyPath),
        "tuna2-shapes" => File.ReadAllBytes(ShapesPath),
        _ => throw new ArgumentException(name),
    };

    /// <summary>Loads a tokenizer.json from memory, through a file.</summary>
    public static Tokenizer LoadBytes(byte[] content, bool addTunaTokens = true, bool canNormalize = true)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, content);
            return Tokenizer.Load(path, addTunaTokens, canNormalize);
        }
        finally
        {
            File.Delete(path);
        }
    }

    static byte[] Unpack()
    {
        using var packed = new GZipStream(File.OpenRead(Fixtures.Path("tokenizer", "tokenizer.json.gz")), CompressionMode.Decompress);
        using var content = new MemoryStream();
        packed.CopyTo(content);
        return content.ToArray();
    }
}
