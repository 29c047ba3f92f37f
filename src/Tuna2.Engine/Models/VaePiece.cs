namespace Tuna2.Engine.Models;

/// <summary>Which part of a clip passes through the VAE.</summary>
internal enum VaePiece
{
    /// <summary>The only frame of a picture: nothing comes before it, and nobody need remember it.</summary>
    Only,

    /// <summary>The first frame of a clip, which is followed.</summary>
    First,

    /// <summary>The frames of one further latent frame.</summary>
    Later,
}
