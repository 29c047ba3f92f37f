namespace Tuna2.Engine.Models;

/// <summary>What a picture is made from.</summary>
internal enum ImageTask
{
    /// <summary>Text.</summary>
    Generate,

    /// <summary>A source picture and an instruction.</summary>
    Edit,

    /// <summary>A source picture alone.</summary>
    Reconstruct,

    /// <summary>Text, to a clip.</summary>
    Video,
}
