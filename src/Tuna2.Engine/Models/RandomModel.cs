using System.Runtime.InteropServices;
using System.Text;
using Tuna2.Engine.Text;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Models;

/// <summary>
/// Model directories of random weights in a known shape: for measuring memory and time where no checkpoint can be had. What
/// they draw is noise, but they load and run as the real ones do.
/// </summary>
public static class RandomModel
{
    /// <summary>The most bytes of a weight file, as published checkpoints have it.</summary>
    private const long ShardBytes = 5_000_000_000;

    private const int ChunkBytes = 16 << 20;

    /// <summary>What a thread makes at a time.</summary>
    private const int PieceElements = 128 << 10;

    /// <summary>Bytes a tensor's entry takes in the header and the index, at most.</summary>
    private const int EntryBytes = 512;

    /// <summary>
    /// Writes config.json, tokenizer.json and the weights, in bfloat16. The same shape and seed give the same bytes on every
    /// machine. Memory does not grow with the model.
    /// </summary>
    /// <param name="shape">The shape, one of <see cref="WeightsManifest.Checkpoints"/>.</param>
    /// <param name="directory">The directory, which must be empty or not there; it appears when it is complete.</param>
    /// <param name="seed">Another seed gives other weights.</param>
    /// <param name="progress">Told as weights are written.</param>
    /// <param name="cancellation">Stops writing within a few megabytes; nothing stays behind.</param>
    /// <returns>The weight files.</returns>
    /// <exception cref="IOException">The directory is not empty or cannot be written, or the disk has too little room.</exception>
    /// <exception cref="OperationCanceledException">Writing was cancelled.</exception>
    public static IReadOnlyList<string> Write(
        ManifestCheckpoint shape, string directory, long seed = 0, IProgress<WriteProgress>? progress = null, CancellationToken cancellation = default) =>
        Write(shape, directory, seed, FreeBytes, progress, cancellation);

    /// <summary>As above, on a disk that has as much room as <paramref name="freeBytes"/> says of a folder.</summary>
    internal static IReadOnlyList<string> Write(
        ManifestCheckpoint shape, string directory, long seed, Func<string, long> freeBytes, IProgress<WriteProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentException.ThrowIfNullOrEmpty(directory);
        IReadOnlyList<string> names = [];
        AtomicDirectory.Write(directory, aside =>
        {
            var tokenizer = StandInTokenizer.Json(shape.Config.VocabSize);
            var weights = new Writer(shape, seed, progress, cancellation);
            var needed = weights.TotalBytes + shape.TensorCount * EntryBytes + tokenizer.Length + shape.ConfigJson.Length;
            if (freeBytes(aside) is var free && free < needed)
                throw new IOException($"cannot write {directory}: it takes {ByteCount.Of(needed)}, the disk has {ByteCount.Of(free)} left: {ByteCount.Of(needed - free)} are missing");
            File.WriteAllText(Path.Combine(aside, ModelConfig.FileName), shape.ConfigJson + "\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            File.WriteAllBytes(Path.Combine(aside, "tokenizer.json"), tokenizer);
            names = [.. SafetensorsWriter.WriteSharded(aside, weights.Tensors, ShardBytes).Select(path => Path.GetFileName(path))];
        });
        return [.. names.Select(name => Path.Combine(directory, name))];
    }

    private static long FreeBytes(string folder) =>
        new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(Path.GetFullPath(folder))! : Path.GetFullPath(folder)).AvailableFreeSpace;

    /// <summary>The tensors of a shape, made as they are written, through one small buffer.</summary>
    private sealed class Writer
    {
        private readonly ushort[] _chunk = new ushort[ChunkBytes / sizeof(ushort)];
        private readonly long _seed;
        private readonly IProgress<WriteProgress>? _progress;
        private readonly CancellationToken _cancellation;
        private long _done;

        public Writer(ManifestCheckpoint shape, long seed, IProgress<WriteProgress>? progress, CancellationToken cancellation)
        {
            (_seed, _progress, _cancellation) = (seed, progress, cancellation);
            Tensors = [.. WeightsManifest.Expect(shape.Config).Where(tensor => !tensor.IsOptional)
                .Select(tensor => new TensorData(tensor.Name, DType.BF16, tensor.Shape, stream => Write(tensor, stream)))];
            TotalBytes = Tensors.Sum(tensor => tensor.ByteLength);
        }

        public IReadOnlyList<TensorData> Tensors { get; }

        public long TotalBytes { get; }

        private void Write(ExpectedTensor tensor, Stream stream)
        {
            var key = RandomWeights.Key(_seed, tensor.Name);
            var norm = RandomWeights.IsNorm(tensor);
            var count = tensor.Shape.Aggregate(1L, (product, size) => product * size);
            for (long at = 0; at < count;)
            {
                _cancellation.ThrowIfCancellationRequested();
                var elements = (int)Math.Min(_chunk.Length, count - at);
                if (norm)
                    RandomWeights.FillNorm(_chunk.AsSpan(0, elements));
                else
                    Fill(key, at, elements);
                stream.Write(MemoryMarshal.AsBytes(_chunk.AsSpan(0, elements)));
                at += elements;
                _done += (long)elements * sizeof(ushort);
                _progress?.Report(new WriteProgress(_done, TotalBytes));
            }
        }

        private void Fill(ulong key, long first, int elements)
        {
            var pieces = (elements + PieceElements - 1) / PieceElements;
            if (pieces == 1)
                RandomWeights.Fill(key, first, _chunk.AsSpan(0, elements));
            else
                Parallel.For(0, pieces, piece =>
                {
                    var begin = piece * PieceElements;
                    RandomWeights.Fill(key, first + begin, _chunk.AsSpan(begin, Math.Min(PieceElements, elements - begin)));
                });
        }
    }
}
