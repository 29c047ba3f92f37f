namespace Tuna2.Engine.Graph;

/// <summary>
/// Columns of an AdaLN table: vector <see cref="Chunk"/> of the set a sequence's <see cref="Sequence.ModRow"/> names.
/// A sequence without one (text) gets the identity: shift 0, scale 0, gate 1.
/// </summary>
/// <param name="Table">(times, chunks x hidden), filled before the loop.</param>
/// <param name="Chunk">Which of the vectors: shift, scale, gate for attention, then for the MLP.</param>
public readonly record struct Modulation(Value Table, int Chunk);
