namespace Tuna2.Engine.Weights;

/// <summary>A tensor that the manifest expects in the weights of a model.</summary>
/// <param name="Name">The official name.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
/// <param name="DTypes">The element types it may have.</param>
/// <param name="IsOptional">Whether it may be missing: a tied output layer, or what only training uses.</param>
public sealed record ExpectedTensor(string Name, IReadOnlyList<long> Shape, IReadOnlyList<DType> DTypes, bool IsOptional);
