namespace Tuna2.Engine.Graph.Ops;

/// <summary>How an answer's tokens are picked from logits: greedy, or temperature, then top-k, then top-p, then a draw.</summary>
/// <param name="Temperature">Divides the logits; 0 is greedy.</param>
/// <param name="TopK">Keeps the k largest; 0 keeps all.</param>
/// <param name="TopP">Keeps a token while those more likely than it have a probability of at most p; 1 keeps all.</param>
/// <param name="Seed">Same seed, same draws.</param>
/// <param name="Drawn">Draws of the seed that are used already: a conversation's turns go on where the one before ended.</param>
public sealed record TokenChoice(float Temperature, int TopK, float TopP, long Seed, long Drawn = 0)
{
    /// <summary>The likeliest, and of several the first.</summary>
    public static TokenChoice Greedy { get; } = new(0, 0, 1, 0);
}

/// <summary>
/// Picks the next token from a row of logits, with draw <see cref="Batch.Draw"/> of the seed. A row no token can be taken from
/// gives -1, or an error where the backend can throw one.
/// </summary>
/// <param name="name">Where in the model it stands.</param>
/// <param name="logits">(1, vocabulary), or no row: then nothing is picked.</param>
/// <param name="token">(1, 1): a 32-bit integer in the place of a float32.</param>
/// <param name="choice">How.</param>
public sealed class SampleToken(string name, Value logits, Value token, TokenChoice choice) : Op(name)
{
    /// <summary>(1, vocabulary), or no row.</summary>
    public Value Logits { get; } = logits;

    /// <summary>(1, 1): a 32-bit integer in the place of a float32.</summary>
    public Value Token { get; } = token;

    /// <summary>How a token is picked.</summary>
    public TokenChoice Choice { get; } = choice;

    /// <inheritdoc/>
    public override IEnumerable<Value> Reads => [Logits];

    /// <inheritdoc/>
    public override IEnumerable<Value> Writes => [Token];
}
