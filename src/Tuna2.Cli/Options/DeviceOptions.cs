using System.CommandLine;
using System.Globalization;
using Tuna2.Engine;

namespace Tuna2.Cli.Options;

/// <summary>Where and how a command computes: --device, --dtype, --weights, --threads.</summary>
internal sealed class DeviceOptions
{
    private readonly Option<string?> _device = new("--device")
    {
        Description = "Where to compute; only auto chooses, a named device is used or refused [default: auto]",
        HelpName = "auto|cpu|cuda|cuda:N",
    };

    private readonly Option<ComputeType?> _dtype = ChoiceOptions.Choice(
        "--dtype", "Precision of activations; bf16 needs a CUDA device [default: auto]",
        ("auto", ComputeType.Auto), ("f32", ComputeType.F32), ("bf16", ComputeType.BF16));

    private readonly Option<WeightFormat?> _weights = CommonOptions.Weights("What the matrices are kept as; int8 takes half the memory, int4 under a third");

    private readonly Option<string?> _tuning = new("--tuning")
    {
        Description = "Algorithms of products timed on this GPU by 'tuna2 tune'; they round in other places, so pictures name the file",
        HelpName = "FILE",
    };

    private readonly Option<int?> _threads = NumberOptions.Integer("--threads", "CPU threads; 0 for one per processor [default: 0]");

    private readonly Option<bool> _noMemoryCheck = new("--no-memory-check") { Description = "Go on where the memory that is free seems too little" };

    public DeviceOptions() => _device.CompletionSources.Add("auto", "cpu", "cuda", "cuda:0");

    public void AddTo(Command command)
    {
        command.Add(_device);
        command.Add(_dtype);
        command.Add(_weights);
        command.Add(_threads);
        command.Add(_noMemoryCheck);
        command.Add(_tuning);
    }

    public TunaModelOptions Read(ParseResult parsed) => new()
    {
        Device = parsed.GetValue(_device) ?? "auto",
        ComputeType = parsed.GetValue(_dtype) ?? ComputeType.Auto,
        Weights = parsed.GetValue(_weights) ?? WeightFormat.Stored,
        Threads = parsed.GetValue(_threads) ?? 0,
        CheckMemory = !parsed.GetValue(_noMemoryCheck),
        Tuning = parsed.GetValue(_tuning),
    };

    /// <summary>The N of the CUDA device asked for; 0 where none was named.</summary>
    /// <exception cref="RequestException">It is another device.</exception>
    public int Ordinal(ParseResult parsed) => parsed.GetValue(_device) switch
    {
        null or "auto" or "cuda" => 0,
        { } name when name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) => ordinal,
        var other => throw new RequestException($"device '{other}' is not a CUDA device; cuda or cuda:N"),
    };
}
