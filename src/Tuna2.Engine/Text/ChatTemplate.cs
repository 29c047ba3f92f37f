using System.Text;

namespace Tuna2.Engine.Text;

/// <summary>Qwen2.5's chat format (the chat_template of its tokenizer_config.json, without tools).</summary>
public static class ChatTemplate
{
    /// <summary>The system prompt of a conversation that brings none.</summary>
    public const string DefaultSystemPrompt = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

    /// <summary>Writes a conversation as the text the model was trained on.</summary>
    /// <param name="messages">The turns, oldest first; without a leading system turn the default one is put first.</param>
    /// <param name="addGenerationPrompt">Whether the text ends where the model's answer begins.</param>
    /// <exception cref="RequestException">There is no turn.</exception>
    public static string Format(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
            throw new RequestException("a chat needs at least one message");
        var text = new StringBuilder();
        if (messages[0].Role != ChatRole.System)
            AppendTurn(text, ChatRole.System, DefaultSystemPrompt);
        foreach (var message in messages)
            AppendTurn(text, message.Role, message.Content);
        if (addGenerationPrompt)
            text.Append("<|im_start|>assistant\n");
        return text.ToString();
    }

    static void AppendTurn(StringBuilder text, ChatRole role, string content) =>
        text.Append("<|im_start|>").Append(Name(role)).Append('\n').Append(content).Append("<|im_end|>\n");

    static string Name(ChatRole role) => role switch
    {
        ChatRole.System => "system",
        ChatRole.User => "user",
        ChatRole.Assistant => "assistant",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "not a chat role"),
    };
}
