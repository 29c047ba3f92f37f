namespace Tuna2.Engine.Text;

/// <summary>One turn of a chat.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Content">What is said. Added tokens written in it count: <c>&lt;image&gt;</c> marks where a picture goes.</param>
public sealed record ChatMessage(ChatRole Role, string Content);
