using Tuna2.Engine.Graph;
using Tuna2.Engine.Kernels;
using Ops = Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Cuda;

/// <summary>The vision encoder's ops, whose rows are patches of whole pictures.</summary>
internal sealed partial class KernelBackend
{
    private readonly partial struct OpRun
    {
        /// <summary>Gathers patches and puts their positions where the product then adds to them.</summary>
        public void PatchEmbedding(Ops.PatchEmbedding o)
        {
            var pictures = tables.Batch.Patches.Count;
            if (pictures == 0)
                return;
            Launch(new PatchEmbedding(Element, pictures), new PatchEmbeddingArgs
            {
                Pictures = At(o.Pictures), Table = Matrix(o.Positions), Gathered = At(o.Gathered), Y = At(o.Output), Places = tables.PatchPlaces,
                Channels = o.Channels, Frames = o.Frames, Height = o.Height, Width = o.Width, Patch = o.Patch, Side = o.Side, Dim = o.Weight.Rows,
            });
            Product(o.Gathered, o.Weight, o.Output, o.Bias, new EpilogueArgs { Bias = Vector(o.Bias), Residual = At(o.Output) });
        }

        public void LayerNorm(Ops.LayerNorm o)
        {
            if (o.Input.Rows.Value > 0)
                Launch(new LayerNorm(Element, o.Input.Rows.Value), new LayerNormArgs
                {
                    X = At(o.Input), Y = At(o.Output), Weight = Vector(o.Weight), Bias = Vector(o.Bias), Dim = o.Input.Columns, Epsilon = o.Epsilon,
                });
        }

        /// <summary>Pictures have their keys to themselves: row by row, neither normed nor rotated.</summary>
        public void KvToCache(Ops.QkvToCache o)
        {
            var element = ElementOf(o.Qkv);
            if (o.Qkv.Rows.Value > 0)
                Launch(new KvToCache(o.Qkv.Rows.Value), new KvToCacheArgs
                {
                    Qkv = At(o.Qkv), Keys = At(o.Keys), Values = At(o.Values),
                    RowWords = element.Words(o.Shape.QkvColumns), KvWords = element.Words(o.Shape.KvColumns),
                });
        }

        public void PictureAttention(Ops.Attention o, Grid picture)
        {
            var rows = o.Qkv.Rows.Value;
            if (rows == 0)
                return;
            if (ElementOf(o.Qkv) == ElementType.F32 && o.Shape.Heads == 1)
            {
                WideAttention(o, picture);
                return;
            }
            var (sequences, tiles, count) = tables.PictureTiles(picture, o.Shape.Group, rows / picture.Count);
            FusedAttention(o, sequences, tiles, count, new AttentionWork(rows, rows, (long)rows * picture.Count));
        }
    }
}
