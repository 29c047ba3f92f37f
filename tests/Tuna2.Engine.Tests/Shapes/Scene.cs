namespace Tuna2.Engine.Tests.Shapes;

/// <summary>One drawn shape.</summary>
/// <param name="Form">circle, square or triangle.</param>
/// <param name="Color">A name of the palette.</param>
/// <param name="X">The centre, in pixels from the left edge.</param>
/// <param name="Y">The centre, in pixels from the top edge.</param>
/// <param name="Radius">Half the extent, in pixels.</param>
sealed record SceneShape(string Form, string Color, int X, int Y, int Radius);

/// <summary>A picture of the shapes world before it is drawn: one shape with its size and place, or two with their relation.</summary>
/// <param name="Background">A name of the palette.</param>
/// <param name="Shapes">One or two; of two, the left or upper one first.</param>
/// <param name="Size">"small", "" or "large": how the only shape is described.</param>
/// <param name="Position">"" or "on the left" and so on: how the only shape is placed.</param>
/// <param name="Relation">"left of" or "above": how the first shape lies to the second; empty for one.</param>
sealed record Scene(string Background, IReadOnlyList<SceneShape> Shapes, string Size, string Position, string Relation);
