using System.Text.Json;
using Tuna2.Engine;

namespace Tuna2.Cli.Output;

/// <summary>Answers: as they come, and as JSON.</summary>
internal static class AnswerOutput
{
    /// <summary>Prints an answer as it comes, on lines of its own; with --json it is only read, for the value at the end.</summary>
    public static async Task PrintAsync(CliConsole console, IAsyncEnumerable<string> pieces)
    {
        if (console.Json)
        {
            await foreach (var _ in pieces.ConfigureAwait(false)) { }
            return;
        }
        var hanging = false;
        try
        {
            await foreach (var piece in pieces.ConfigureAwait(false))
            {
                hanging = true;
                await console.Out.WriteAsync(piece).ConfigureAwait(false);
                await console.Out.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
            // An answer of nothing is a line too: the next one must not be taken for it.
            hanging = true;
        }
        finally
        {
            // Also where it breaks off: the line of the error must not hang on the answer's.
            if (hanging)
                await console.Out.WriteLineAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes a conversation as a JSON object: model, device, turns.</summary>
    public static void Write(Utf8JsonWriter json, TunaModel model, IReadOnlyList<ChatTurn> turns)
    {
        json.WriteStartObject();
        json.WriteString("model", model.Name);
        json.WriteString("device", model.Device);
        json.WriteStartArray("turns");
        foreach (var turn in turns)
        {
            json.WriteStartObject();
            json.WriteString("question", turn.Question);
            json.WriteNumber("pictures", turn.Pictures);
            json.WriteBoolean("clip", turn.Clip);
            json.WriteString("answer", turn.Answer);
            json.WriteBoolean("cut", turn.Cut);
            json.WriteNumber("prompt_tokens", turn.PromptTokens);
            json.WriteNumber("answer_tokens", turn.AnswerTokens);
            json.WriteNumber("seconds_to_first_token", Math.Round(turn.FirstToken.TotalSeconds, 4));
            json.WriteNumber("seconds", Math.Round(turn.Elapsed.TotalSeconds, 4));
            json.WriteFinite("tokens_per_second", turn.TokensPerSecond is { } rate ? Math.Round(rate, 2) : null);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
