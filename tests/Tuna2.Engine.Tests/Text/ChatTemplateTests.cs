using System.Text.Json;
using NUnit.Framework;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Tests.Text;

/// <summary>The chat format, up to the very ids the official pipelines fed their models.</summary>
public class ChatTemplateTests
{
    [Test]
    public void Questions_give_the_official_ids()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("tokenizer", "chat.json")));
        foreach (var item in json.RootElement.EnumerateArray())
        {
            var tokenizer = Tokenizers.Named(item.GetProperty("tokenizer").GetString()!);
            var tokens = TunaTokens.Of(tokenizer);
            var text = ChatTemplate.Format([new(ChatRole.User, $"<image>\n{item.GetProperty("question").GetString()}")]);
            var ids = tokenizer.Encode(text).ToList();
            var image = ids.IndexOf(tokens.Image);
            var span = Ids(item, "span");
            ids.RemoveAt(image);
            ids.InsertRange(image, [tokens.Boi, .. Enumerable.Repeat(tokens.ImagePad, span[1]), tokens.Eoi]);
            Assert.That(ids, Is.EqualTo(Ids(item, "text_tokens")), item.GetProperty("name").GetString());
            Assert.That(image + 1, Is.EqualTo(span[0]));
            if (item.TryGetProperty("answer", out var answer))
                Assert.That(tokenizer.Decode(Ids(item, "output_ids"), skipSpecialTokens: true), Is.EqualTo(answer.GetString()));
        }
    }

    [Test]
    public void A_conversation_keeps_its_turns_and_its_own_system_prompt()
    {
        ChatMessage[] turns =
        [
            new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi"), new(ChatRole.Assistant, "Hello."), new(ChatRole.User, "Bye"),
        ];
        const string expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" +
            "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n";
        Assert.That(ChatTemplate.Format(turns), Is.EqualTo(expected + "<|im_start|>assistant\n"));
        Assert.That(ChatTemplate.Format(turns, addGenerationPrompt: false), Is.EqualTo(expected));
    }

    [Test]
    public void Without_a_system_turn_the_default_leads()
    {
        Assert.That(ChatTemplate.Format([new(ChatRole.User, "Hi")], addGenerationPrompt: false), Is.EqualTo(
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n" +
            "<|im_start|>user\nHi<|im_end|>\n"));
    }

    [Test]
    public void An_empty_conversation_is_refused() => Assert.Throws<RequestException>(() => ChatTemplate.Format([]));

    static int[] Ids(JsonElement item, string name) => [.. item.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
