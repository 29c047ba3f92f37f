using Tuna2.Engine.Graph;
using Tuna2.Engine.Models;

namespace Tuna2.Engine.Text;

/// <summary>
/// Writes a conversation as tokens, a turn at a time: the ids of <see cref="ChatTemplate.Format"/>'s text, where a user turn of
/// several pictures is <c>&lt;image&gt;\n</c> for each, then the question (MODEL.md section 2). What people write is plain
/// text: a token written in it is spelled out and gives no structure. What the model said stays as the ids it chose.
/// </summary>
internal sealed class ChatWriter(Tokenizer tokenizer, TunaTokens tokens)
{
    /// <summary>A conversation that begins: its system prompt.</summary>
    public PromptLayout Begin(string system) =>
        PromptLayout.Text([tokens.Bos, .. tokenizer.EncodePlain("system\n" + system), tokens.Eos, .. tokenizer.EncodePlain("\n")]);

    /// <summary>A user's turn, and the beginning of the answer to it.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="pictures">How many pictures it is about.</param>
    /// <param name="grid">The patches of each.</param>
    public PromptLayout Question(string question, int pictures, Grid grid)
    {
        var turn = PromptLayout.Text([tokens.Bos]);
        var text = "user\n";
        for (var i = 0; i < pictures; i++)
        {
            turn = turn.With(tokenizer.EncodePlain(text)).WithPicture(tokens, grid);
            text = "\n";
        }
        return turn.With([.. tokenizer.EncodePlain(text + question), tokens.Eos, .. tokenizer.EncodePlain("\n"), tokens.Bos, .. tokenizer.EncodePlain("assistant\n")]);
    }

    /// <summary>The answer's ids, without the token that ends it, and the end of its turn.</summary>
    public PromptLayout Answer(IReadOnlyList<int> ids) => PromptLayout.Text([.. ids, tokens.Eos, .. tokenizer.EncodePlain("\n")]);
}
