namespace Tuna2.Engine;

/// <summary>A question of a conversation and its answer.</summary>
/// <param name="Question">What was asked.</param>
/// <param name="Pictures">How many pictures came with it; of a clip, its frames.</param>
/// <param name="Answer">What the model said.</param>
/// <param name="PromptTokens">Tokens the question added, its pictures and the template around it included.</param>
/// <param name="AnswerTokens">Tokens of the answer, without the one that ends it.</param>
/// <param name="Cut">Whether the answer ended at <see cref="AskOptions.MaxTokens"/> and not where the model would have.</param>
/// <param name="FirstToken">From the start of computing to the answer's first token.</param>
/// <param name="Elapsed">From the start of computing to the end of the answer.</param>
/// <param name="Clip">Whether the pictures were the frames of one clip.</param>
public sealed record ChatTurn(string Question, int Pictures, string Answer, int PromptTokens, int AnswerTokens, bool Cut, TimeSpan FirstToken, TimeSpan Elapsed, bool Clip = false)
{
    /// <summary>Answer tokens per second, counted from the first; null where there is one or none.</summary>
    public double? TokensPerSecond => AnswerTokens > 1 && Elapsed > FirstToken ? (AnswerTokens - 1) / (Elapsed - FirstToken).TotalSeconds : null;
}
