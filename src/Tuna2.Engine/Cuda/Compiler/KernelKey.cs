using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>What decides a compiled kernel's bits, as one SHA-256: equal keys, equal kernels.</summary>
/// <param name="Hex">The hash in lower-case hexadecimals.</param>
internal readonly record struct KernelKey(string Hex)
{
    /// <summary>The length of the hash.</summary>
    public const int Size = SHA256.HashSizeInBytes;

    /// <summary>The hash.</summary>
    public byte[] Bytes => Convert.FromHexString(Hex);

    /// <summary>The key of a compilation.</summary>
    /// <param name="compiler">The compiler's identity.</param>
    /// <param name="instance">The kernel.</param>
    /// <param name="source">Its source and headers.</param>
    /// <param name="options">All options, the architecture among them.</param>
    public static KernelKey Of(string compiler, KernelInstance instance, KernelSource source, IReadOnlyList<string> options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"tuna2 kernel cache {CacheEntry.Schema}");
        Add(compiler);
        Add(instance.Name);
        Add(source.Name);
        Add(source.Text);
        AddAll(options);
        AddAll([.. source.Headers.SelectMany(h => new[] { h.Name, h.Text })]);
        return new(Convert.ToHexStringLower(hash.GetHashAndReset()));

        // Lengths first: otherwise the end of one text could be moved into the next without changing the hash.
        void Add(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            AddNumber(bytes.Length);
            hash.AppendData(bytes);
        }

        void AddAll(IReadOnlyList<string> texts)
        {
            AddNumber(texts.Count);
            foreach (var text in texts)
                Add(text);
        }

        void AddNumber(int number)
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
    }
}
