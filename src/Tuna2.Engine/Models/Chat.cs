using System.Diagnostics;
using System.Text;
using Tuna2.Engine.Graph.Ops;
using Tuna2.Engine.Sampling;
using Tuna2.Engine.Text;

namespace Tuna2.Engine.Models;

/// <summary>
/// A conversation: the tokens of its turns and their keys and values. An answer changes nothing until it is kept, so that one
/// that is cancelled, fails or is not wanted leaves no trace. Not for several threads at once.
/// </summary>
internal sealed class Chat : IDisposable
{
    private readonly TunaModel _model;
    private readonly ChatWriter _writer;
    private TextDecoder? _decoder;
    private State _state;

    public Chat(TunaModel model, string? system)
    {
        _model = model;
        _writer = new ChatWriter(model.Tokenizer, model.Tokens);
        _state = new State(_writer.Begin(system ?? ChatTemplate.DefaultSystemPrompt), Keys: 0, []);
    }

    /// <summary>Everything said so far, as tokens.</summary>
    public PromptLayout Transcript => _state.Transcript;

    /// <summary>The turns, oldest first.</summary>
    public IReadOnlyList<ChatTurn> Turns => _state.Turns;

    /// <summary>Rows computed so far; 0 when nothing is kept.</summary>
    public long RowsRun => _decoder?.RowsRun ?? 0;

    /// <summary>Answers; <paramref name="say"/> is given pieces of whole characters.</summary>
    /// <returns>The turn and the conversation after it, for <see cref="Keep"/>.</returns>
    /// <exception cref="RequestException">The conversation is too long.</exception>
    public Answer Run(AskRequest request, Action<string> say, CancellationToken cancellation)
    {
        request.CheckLength(Transcript.Tokens.Count);
        var watch = Stopwatch.StartNew();
        var prompt = Transcript.With(request.Turn);
        var options = request.Options;
        var choice = new TokenChoice(options.Temperature, options.TopK, options.TopP, options.Seed, Turns.Sum(turn => (long)turn.AnswerTokens));
        var decoder = _decoder ??= _model.Slots.LeaseDecoder(prompt.Tokens.Count + options.MaxTokens, options.MaxTokens, choice);
        try
        {
            decoder.Rewind(_state.Keys);
            var text = new StreamingDecoder(_model.Tokenizer);
            var (answer, ids) = (new StringBuilder(), new List<int>());
            var token = decoder.Begin(prompt, request.Encode(_model, cancellation), options.MaxTokens, choice, cancellation);
            var first = watch.Elapsed;
            for (; token != _model.Tokens.Eos; token = decoder.Next(cancellation))
            {
                ids.Add(token);
                Say(text.Push(token));
                if (ids.Count == options.MaxTokens)
                    break;
            }
            Say(text.Flush());
            decoder.Settle();
            var turn = new ChatTurn(request.Question, request.Sights.Sum(frames => frames.Count), answer.ToString(), request.Turn.Tokens.Count, ids.Count,
                token != _model.Tokens.Eos, first, watch.Elapsed, Clip: request.Sights is [{ Count: > 1 }]);
            return new Answer(turn, new State(prompt.With(_writer.Answer(ids)), decoder.Length, [.. Turns, turn]));

            void Say(string piece)
            {
                if (piece.Length == 0)
                    return;
                answer.Append(piece);
                say(piece);
            }
        }
        catch (Exception e) when (_state.Keys == 0)
        {
            // Nothing in it is worth keeping, and after an error nobody is to meet it again.
            if (e is not OperationCanceledException)
                decoder.Dispose();
            else
                _model.Slots.Return(decoder);
            _decoder = null;
            throw;
        }
        finally
        {
            _decoder?.Rest();
        }
    }

    /// <summary>Makes an answer a part of the conversation.</summary>
    public void Keep(Answer answer) => _state = answer.After;

    public void Dispose()
    {
        if (_decoder is not null)
            _model.Slots.Return(_decoder);
        _decoder = null;
    }

    /// <summary>A turn that is not a part of the conversation yet.</summary>
    /// <param name="Turn">The turn.</param>
    /// <param name="After">The conversation with it.</param>
    public sealed record Answer(ChatTurn Turn, State After);

    /// <summary>A conversation between two turns.</summary>
    /// <param name="Transcript">Everything said.</param>
    /// <param name="Keys">How many of its positions, from the first, have their keys and values kept.</param>
    /// <param name="Turns">The turns.</param>
    public sealed record State(PromptLayout Transcript, int Keys, IReadOnlyList<ChatTurn> Turns);
}
