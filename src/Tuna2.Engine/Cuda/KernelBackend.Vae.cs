using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cuda;

/// <summary>The VAE's ops, whose rows are pixels and whose elements are float32 whatever the backend computes in.</summary>
internal sealed partial class KernelBackend
{
    private readonly partial struct OpRun
    {
        public void Conv3d(Ops.Conv3d o)
        {
            var (shape, to, channels) = (o.Shape, o.OutputSize, o.Input.Columns);
            // The frames of the kernel, its first, that lie on zeros for every frame of the output: they are passed over.
            var zeros = Math.Max(0, o.ZeroFrames - (to.Frames - 1) * shape.FrameStride);
            var skipped = (long)zeros * shape.Side * shape.Side * channels;
            Launch(new Conv3d(), new Conv3dArgs
            {
                X = At(o.Input), Past = o.Past is null ? 0 : At(o.Past), W = Matrix(o.Weight) + (ulong)(skipped * sizeof(float)), Bias = Vector(o.Bias),
                Residual = o.Residual is null ? 0 : At(o.Residual), Y = At(o.Output), WStride = o.Weight.Columns,
                Pixels = to.Count, N = o.Weight.Rows, Channels = channels, Height = o.Size.Height, Width = o.Size.Width, PastFrames = o.PastFrames,
                OutHeight = to.Height, OutWidth = to.Width, Frames = shape.Frames - zeros, Side = shape.Side,
                FrameStride = shape.FrameStride, Stride = shape.Stride, Before = shape.Before, ZeroFrames = o.ZeroFrames - zeros,
            });
        }

        public void ChannelNorm(Ops.ChannelNorm o) => Launch(new ChannelNorm(), new ChannelNormArgs
        {
            X = At(o.Input), Y = At(o.Output), Gamma = Vector(o.Gamma), Pixels = o.Input.Rows.Value, Channels = o.Input.Columns, Silu = o.Silu ? 1 : 0,
        });

        public void SpaceToDepth(Ops.SpaceToDepth o) => Launch(new SpaceToDepth(), new SpaceToDepthArgs
        {
            Planes = At(o.Planes), Y = At(o.Output), Columns = o.Output.Columns, Frames = o.Size.Frames, Height = o.Size.Height, Width = o.Size.Width,
        });

        public void DepthToSpace(Ops.DepthToSpace o) => Launch(new DepthToSpace(), new DepthToSpaceArgs
        {
            X = At(o.Input), Planes = At(o.Planes), Columns = o.Input.Columns, Frames = o.Size.Frames, Height = o.Size.Height, Width = o.Size.Width,
        });

        public void AverageDown(Ops.AverageDown o)
        {
            var missing = (o.Frames - o.Size.Frames % o.Frames) % o.Frames;
            long pixels = (long)(o.Size.Frames + missing) / o.Frames * (o.Size.Height / o.Side) * (o.Size.Width / o.Side);
            Launch(new AverageDown(), new AverageDownArgs
            {
                X = At(o.Input), Main = At(o.Main), Y = At(o.Output), Count = pixels * o.Output.Columns, N = o.Output.Columns, Group = o.Group,
                Channels = o.Input.Columns, Height = o.Size.Height, Width = o.Size.Width, Frames = o.Frames, Side = o.Side, Missing = missing,
            });
        }

        public void DuplicateUp(Ops.DuplicateUp o)
        {
            long pixels = (long)(o.Size.Frames * o.Frames - o.Dropped) * (o.Size.Height * o.Side) * (o.Size.Width * o.Side);
            Launch(new DuplicateUp(), new DuplicateUpArgs
            {
                X = At(o.Input), Main = At(o.Main), Y = At(o.Output), Count = pixels * o.Output.Columns, N = o.Output.Columns, Repeats = o.Repeats,
                Channels = o.Input.Columns, Height = o.Size.Height, Width = o.Size.Width, Frames = o.Frames, Side = o.Side, Dropped = o.Dropped,
            });
        }

        public void UpsampleNearest(Ops.UpsampleNearest o)
        {
            var words = Words(o.Output);
            Launch(new UpsampleNearest(), new UpsampleNearestArgs { X = At(o.Input), Y = At(o.Output), Count = 4L * o.Size.Count * words, Words = words, Width = o.Size.Width });
        }

        public void InterleaveFrames(Ops.InterleaveFrames o)
        {
            var words = Words(o.Output);
            Launch(new InterleaveFrames(), new InterleaveFramesArgs
            {
                X = At(o.Input), Y = At(o.Output), Count = 2L * o.Size.Count * words, Words = words, Pixels = o.Size.Height * o.Size.Width,
            });
        }

        public void KeepFrames(Ops.KeepFrames o)
        {
            var pixels = o.Size.Height * o.Size.Width;
            Launch(new KeepFrames(), new KeepFramesArgs
            {
                X = At(o.Input), Past = At(o.Past), Words = (long)pixels * Words(o.Past), Frames = o.Size.Frames, Kept = o.Past.Rows.Max / pixels,
            });
        }

        /// <summary>One head as wide as a row: every picture of the rows attends to itself.</summary>
        private void WideAttention(Ops.Attention o, Grid picture) => Launch(new AttentionWide(o.Qkv.Rows.Value / picture.Count), new AttentionWideArgs
        {
            Queries = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values), Y = At(o.Output),
            RowColumns = o.Shape.QkvColumns, Rows = picture.Count, Dim = o.Shape.HeadDim, Scale = Scale(o.Shape),
        });

        /// <summary>16-byte words of a row.</summary>
        private int Words(Value value) => ElementOf(value).Words(value.Columns);
    }
}
