using Tuna2.Engine.Graph.Ops;

namespace Tuna2.Engine.Graph;

/// <summary>A picture's place: the patches of picture <paramref name="Picture"/> fill rows from <paramref name="FirstRow"/>.</summary>
public readonly record struct PatchPlacement(int Picture, int FirstRow);

/// <summary>The embedding of time <paramref name="Time"/> fills row <paramref name="Row"/>.</summary>
public readonly record struct TimePlacement(int Time, int Row);

/// <summary>The patches from row <paramref name="FirstRow"/> are the prediction kept in slot <paramref name="Prediction"/>.</summary>
public readonly record struct PredictionPlacement(int FirstRow, int Prediction);

/// <summary>
/// What a run is about: small tables that say which rows are what. Set before a run, read by the ops; sizes stay within the
/// bounds the graph was planned for.
/// </summary>
public sealed class Batch
{
    private IReadOnlyList<Sequence> _sequences = [];
    private int[] _modRows = [];

    /// <summary>The sequences, in row order, without gaps.</summary>
    /// <exception cref="ArgumentException">They are not; the message names the first that is out of place.</exception>
    public IReadOnlyList<Sequence> Sequences
    {
        get => _sequences;
        set
        {
            var rows = 0;
            foreach (var s in value)
            {
                if (s.QBegin != rows || s.QLen < 1 || s.KvBase < 0 || s.PrefixLen < 0 || s.ModRow < -1 || s.Span is { } grid && s.QLen != grid.Count + 1)
                    throw new ArgumentException($"{s} is not a sequence that can follow {rows} rows", nameof(value));
                rows += s.QLen;
            }
            _sequences = value;
            _modRows = [.. value.SelectMany(s => Enumerable.Repeat(s.ModRow, s.QLen))];
        }
    }

    /// <summary>Rows of the run.</summary>
    public int Rows => _modRows.Length;

    /// <summary>The row of the AdaLN tables that modulates a row; -1 for text.</summary>
    public int ModRow(int row) => _modRows[row];

    /// <summary>
    /// The sequences an op works on: those of the tokens or, with the grid of its pictures, one for each picture that its
    /// rows hold, as the vision encoder and the VAE have them.
    /// </summary>
    public IReadOnlyList<Sequence> SequencesOf(Grid? picture, int rows) =>
        picture is { } grid ? [.. Enumerable.Range(0, rows / grid.Count).Select(i => Sequence.Picture(i, grid))] : Sequences;

    /// <summary>A token id per row; -1 where something else fills the row.</summary>
    public IReadOnlyList<int> Tokens { get; set; } = [];

    /// <summary>Pictures whose patches enter the rows.</summary>
    public IReadOnlyList<PatchPlacement> Patches { get; set; } = [];

    /// <summary>Rows that hold a time token.</summary>
    public IReadOnlyList<TimePlacement> Times { get; set; } = [];

    /// <summary>Rows picked for the language head, in order.</summary>
    public IReadOnlyList<int> Picked { get; set; } = [];

    /// <summary>Predictions to read out of the flow head's rows.</summary>
    public IReadOnlyList<PredictionPlacement> Predictions { get; set; } = [];

    /// <summary>Which number of a seed picks the token.</summary>
    public long Draw { get; set; }

    /// <summary>Which of the prefixes that are kept stands before each sequence, where prefixes are recalled: one per sequence, several may share one.</summary>
    public IReadOnlyList<int> Prefixes { get; set; } = [];

    /// <summary>What the solver does with the predictions, picture by picture.</summary>
    public IReadOnlyList<PictureStep> Steps { get; set; } = [];
}
