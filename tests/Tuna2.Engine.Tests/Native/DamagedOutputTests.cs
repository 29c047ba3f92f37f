using System.Collections.Concurrent;
using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>What the comparator is for: every kernel's output passes it as it is, and fails it with any of these faults.</summary>
public class DamagedOutputTests
{
    private static readonly Dictionary<string, Func<ElementType, KernelOutput>> Kernels = new()
    {
        ["embedding_gather"] = EmbeddingGatherHostTests.Sample,
        ["copy_rows"] = _ => CopyRowsHostTests.Sample(),
        ["patchify"] = PatchifyHostTests.Sample,
        ["patch_embedding patches"] = element => PatchEmbeddingHostTests.Sample(element, "gathered"),
        ["patch_embedding positions"] = element => PatchEmbeddingHostTests.Sample(element, "y"),
        ["timestep_sinusoids"] = TimestepSinusoidsHostTests.Sample,
        ["silu"] = SiluHostTests.Sample,
        ["swiglu"] = SwiGluHostTests.Sample,
        ["rms_norm"] = RmsNormHostTests.Sample,
        ["layer_norm"] = LayerNormHostTests.Sample,
        ["kv_to_cache keys"] = _ => KvToCacheHostTests.Sample("keys"),
        ["kv_to_cache values"] = _ => KvToCacheHostTests.Sample("values"),
        ["qkv_to_cache queries"] = element => QkvToCacheHostTests.Sample(element, "queries"),
        ["qkv_to_cache keys"] = element => QkvToCacheHostTests.Sample(element, "keys"),
        ["qkv_to_cache values"] = element => QkvToCacheHostTests.Sample(element, "values"),
        ["conv3d"] = _ => Conv3dHostTests.Sample(),
        ["channel_norm"] = _ => ChannelNormHostTests.Sample(),
        ["space_to_depth"] = _ => FramesHostTests.Sample("space_to_depth"),
        ["depth_to_space"] = _ => FramesHostTests.Sample("depth_to_space"),
        ["average_down"] = _ => FramesHostTests.Sample("average_down"),
        ["duplicate_up"] = _ => FramesHostTests.Sample("duplicate_up"),
        ["upsample_nearest"] = _ => FramesHostTests.Sample("upsample_nearest"),
        ["interleave_frames"] = _ => FramesHostTests.Sample("interleave_frames"),
        ["keep_frames"] = _ => FramesHostTests.Sample("keep_frames"),
        ["x0_to_velocity_step"] = X0ToVelocityStepHostTests.Sample,
        ["sample_token"] = _ => SampleTokenHostTests.Sample(),
    };

    private static readonly ConcurrentDictionary<(string, ElementType), KernelOutput> Outputs = new();

    public enum Damage
    {
        Scaled,
        ZeroedRow,
        ShiftedColumns,
        NaN,
    }

    private static IEnumerable<string> Names => Kernels.Keys;

    [Test, Combinatorial]
    public void A_damaged_output_fails([ValueSource(nameof(Names))] string kernel, [Values] ElementType element, [Values] Damage damage)
    {
        var output = Outputs.GetOrAdd((kernel, element), _ => Kernels[kernel](element));
        output.Check();
        Assert.That((output with { Actual = Damaged(output.Actual, output.RowLength, damage) }).Passes, Is.False);
    }

    private static float[] Damaged(float[] values, int rowLength, Damage damage)
    {
        var damaged = (float[])values.Clone();
        var row = values.Length / rowLength / 2;
        switch (damage)
        {
            case Damage.Scaled:
                for (var i = 0; i < damaged.Length; i++)
                    damaged[i] *= 1.01f;
                break;
            case Damage.ZeroedRow:
                damaged.AsSpan(row * rowLength, rowLength).Clear();
                break;
            case Damage.ShiftedColumns:
                for (var first = 0; first < damaged.Length; first += rowLength)
                    values.AsSpan(first, rowLength - 1).CopyTo(damaged.AsSpan(first + 1));
                break;
            case Damage.NaN:
                damaged[row * rowLength + rowLength / 3] = float.NaN;
                break;
        }
        return damaged;
    }
}
