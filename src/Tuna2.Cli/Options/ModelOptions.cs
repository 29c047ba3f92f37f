using System.CommandLine;
using Tuna2.Cli.Output;
using Tuna2.Engine;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Cli.Options;

/// <summary>Which model runs, and where: --model and the device.</summary>
internal sealed class ModelOptions
{
    private readonly DeviceOptions _device = new();

    private readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "Model directory: config.json, tokenizer.json, model*.safetensors [default: the demo model]",
        HelpName = "DIR",
    };

    public void AddTo(Command command)
    {
        command.Add(_model);
        _device.AddTo(command);
    }

    /// <summary>The model's directory.</summary>
    /// <exception cref="ModelException">None was given, and the demo model is not there.</exception>
    public string Directory(ParseResult parsed) => parsed.GetValue(_model) ?? DemoModel.Find();

    /// <summary>What the model is called: its directory's name.</summary>
    public string Name(ParseResult parsed) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Directory(parsed))));

    /// <summary>The model's config, for checking a request before the weights, which may take minutes, are read.</summary>
    /// <exception cref="ModelException">There is no such directory, it lacks a file, or its config makes no sense.</exception>
    public ModelConfig Config(ParseResult parsed) => TunaModel.ReadConfig(Directory(parsed));

    /// <summary>The N of the CUDA device asked for; 0 where none was named.</summary>
    /// <exception cref="RequestException">It is another device.</exception>
    public int Ordinal(ParseResult parsed) => _device.Ordinal(parsed);

    /// <summary>Device and precision.</summary>
    public TunaModelOptions Device(ParseResult parsed) => _device.Read(parsed);

    /// <summary>Whether a directory was given.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_model) is not null;

    /// <summary>Loads the model, with progress.</summary>
    public Task<TunaModel> LoadAsync(ParseResult parsed, CliConsole console, CancellationToken cancellation) =>
        OpenAsync(console, progress => TunaModel.LoadAsync(Directory(parsed), _device.Read(parsed), progress, cancellation));

    /// <summary>Makes a model of random weights on the device, with progress.</summary>
    public Task<TunaModel> MakeRandomAsync(ParseResult parsed, ManifestCheckpoint shape, CliConsole console, CancellationToken cancellation) =>
        OpenAsync(console, progress => TunaModel.MakeRandomAsync(shape, _device.Read(parsed), progress, cancellation));

    private static async Task<TunaModel> OpenAsync(CliConsole console, Func<ProgressLine, Task<TunaModel>> open)
    {
        TunaModel model;
        using (var progress = new ProgressLine(console))
            model = await open(progress).ConfigureAwait(false);
        if (model.DeviceNote is { } note)
            console.Warn(note);
        return model;
    }
}
