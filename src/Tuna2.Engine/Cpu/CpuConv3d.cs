using System.Runtime.CompilerServices;
using Tuna2.Engine.Graph;
using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cpu;

/// <summary>
/// CPU side of <see cref="Conv3d"/>: a product (<see cref="CpuMatMul"/>) whose rows are the output's pixels, each the pixels under
/// the kernel one behind the other. They are gathered while they are packed, a block of output pixels at a time, so the
/// whole of them is never written anywhere. Frames of zeros before a clip are not multiplied at all.
/// </summary>
internal static unsafe class CpuConv3d
{
    /// <summary>A pixel outside the picture.</summary>
    private static readonly float[] s_nothing = GC.AllocateArray<float>(CpuMatMul.BlockK, pinned: true);

    public static void Run<S, V>(Conv3d op, in CpuContext context) where S : ISimd<V> where V : struct
    {
        var count = op.OutputSize.Count;
        var pastPixels = op.PastFrames * op.Size.Height * op.Size.Width;
        var source = new Pixels(op, op.Past is null ? null : context.Rows(op.Past, 0, pastPixels), context.Rows(op.Input, 0, op.Size.Count));
        var output = context.Rows(op.Output, 0, count);
        var residual = op.Residual is null ? null : context.Rows(op.Residual, 0, count);
        var epilogue = new CpuMatMul.Epilogue(CpuContext.Vector(op.Bias), residual, null, 0, context.Batch);
        CpuMatMul.Packed<S, V, Pixels>(context.Threads, source, count, op.Weight.Columns, op.Weight, output, epilogue);
    }

    /// <summary>A row per pixel of the output: what the kernel sees there, tap by tap.</summary>
    private readonly struct Pixels(Conv3d op, float* past, float* input) : IRowSource
    {
        private readonly ConvShape _shape = op.Shape;
        private readonly Grid _size = op.Size, _to = op.OutputSize;
        private readonly int _channels = op.Input.Columns, _zeroFrames = op.ZeroFrames, _pastFrames = op.PastFrames;

        public int FirstK(int row) =>
            Math.Clamp(_zeroFrames - row / (_to.Height * _to.Width) * _shape.FrameStride, 0, _shape.Frames) * _shape.Side * _shape.Side * _channels;

        public void PackTile(int row, int rows, int k0, int depth, float* tile)
        {
            var nothing = (float*)Unsafe.AsPointer(ref s_nothing[0]);
            var from = stackalloc float*[CpuTile.MaxRows];
            var end = k0 + depth;
            while (k0 < end)
            {
                int tap = k0 / _channels, channel = k0 % _channels, run = Math.Min(_channels - channel, end - k0);
                int frame = tap / (_shape.Side * _shape.Side), down = tap / _shape.Side % _shape.Side - _shape.Before, across = tap % _shape.Side - _shape.Before;
                var (line, column) = Math.DivRem(row, _to.Width);
                for (var j = 0; j < rows; j++)
                {
                    var (f, y) = Math.DivRem(line, _to.Height);
                    var pixel = At(f * _shape.FrameStride + frame - _zeroFrames, y * _shape.Stride + down, column * _shape.Stride + across);
                    from[j] = pixel is null ? nothing : pixel + channel;
                    if (++column == _to.Width)
                        (line, column) = (line + 1, 0);
                }
                CpuPanel.PackTile(from, rows, run, tile);
                tile += run * rows;
                k0 += run;
            }
        }

        /// <summary>A pixel of the past or the input; null where there are only zeros.</summary>
        private float* At(int frame, int y, int x)
        {
            if (frame < 0 || (uint)y >= (uint)_size.Height || (uint)x >= (uint)_size.Width)
                return null;
            var (frames, at) = frame < _pastFrames ? ((nint)past, frame) : ((nint)input, frame - _pastFrames);
            return (float*)frames + (((long)at * _size.Height + y) * _size.Width + x) * _channels;
        }
    }
}
