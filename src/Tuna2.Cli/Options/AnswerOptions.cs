using System.CommandLine;
using Tuna2.Engine;

namespace Tuna2.Cli.Options;

/// <summary>How questions are answered: length, variety, system prompt, size of the pictures.</summary>
internal sealed class AnswerOptions
{
    private readonly Option<int?> _maxTokens = NumberOptions.Integer("--max-tokens", "The longest answer, in tokens [default: 512]");
    private readonly Option<float?> _temperature = NumberOptions.Number("--temperature", "0 takes the likeliest token every time; higher is more varied [default: 0]");
    private readonly Option<int?> _topK = NumberOptions.Integer("--top-k", "Draw among the N likeliest tokens; 0 for all [default: 0]");
    private readonly Option<float?> _topP = NumberOptions.Number("--top-p", "Draw among the likeliest tokens that together reach this probability [default: 1]");
    private readonly Option<long?> _seed = NumberOptions.Long("--seed", "Seed of the draws [default: 42]");
    private readonly Option<string?> _system = new("--system") { Description = "The system prompt [default: Qwen's]", HelpName = "TEXT" };
    private readonly Option<int?> _width = NumberOptions.Integer("--width", "Columns the pictures are brought to, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _height = NumberOptions.Integer("--height", "Rows the pictures are brought to, a multiple of 16 [default: the model's]");
    private readonly Option<int?> _vaeTile = CommonOptions.VaeTile();

    public void AddTo(Command command)
    {
        command.Add(_maxTokens);
        command.Add(_temperature);
        command.Add(_topK);
        command.Add(_topP);
        command.Add(_seed);
        command.Add(_system);
        command.Add(_width);
        command.Add(_height);
        command.Add(_vaeTile);
    }

    public AskOptions Read(ParseResult parsed)
    {
        var standard = new AskOptions();
        return standard with
        {
            Width = parsed.GetValue(_width),
            Height = parsed.GetValue(_height),
            VaeTile = parsed.GetValue(_vaeTile),
            MaxTokens = parsed.GetValue(_maxTokens) ?? standard.MaxTokens,
            Temperature = parsed.GetValue(_temperature) ?? standard.Temperature,
            TopK = parsed.GetValue(_topK) ?? standard.TopK,
            TopP = parsed.GetValue(_topP) ?? standard.TopP,
            Seed = parsed.GetValue(_seed) ?? standard.Seed,
            System = parsed.GetValue(_system),
        };
    }
}
