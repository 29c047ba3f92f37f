using System.Text.Json;
using Tuna2.Engine.Models;
using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Parity;

/// <summary>
/// Kind "model": a model directory and one safetensors file per case with inputs, intermediates and outputs of the official
/// code. A case's prompt is tokenized and compared, then run on the full path and on the prefix path.
/// </summary>
internal static class ModelParity
{
    public static async Task<ParityReport> RunAsync(
        string directory, JsonElement root, Func<DeviceSelection> open, IReadOnlyCollection<string>? only, IProgress<ParityCase>? progress, CancellationToken cancellation)
    {
        var files = Files(directory, ParityRunner.FileOf(directory, root, "model"));
        var cases = ParityRunner.CasesOf(directory, root).Select(c => new CaseDescription(c, Path.Combine(directory, "cases.json"))).Where(c => only is null || only.Contains(c.Name)).ToList();
        var done = new List<ParityCase>();
        using var model = await TunaModel.LoadAsync(files, open, null, cancellation).ConfigureAwait(false);
        foreach (var c in cases)
            Add(await Task.Run(() => Run(directory, c, model, cancellation), cancellation).ConfigureAwait(false));
        return new ParityReport(directory, "model", model.Device, done);

        void Add(ParityCase c)
        {
            done.Add(c);
            progress?.Report(c);
        }
    }

    private static ParityCase Run(string directory, CaseDescription description, TunaModel model, CancellationToken cancellation)
    {
        Action<CaseTensors, CaseChecks>? run = description.Task switch
        {
            "generate" or "generate_video" or "edit" or "reconstruct" => (tensors, checks) => PictureCase.Run(description, tensors, model, checks, cancellation),
            "vae" => (tensors, checks) => VaeCase.Run(tensors, model, checks, cancellation),
            "siglip" => (tensors, checks) => SiglipCase.Run(tensors, model, checks, cancellation),
            "understand" => (tensors, checks) => AnswerCase.Run(description, tensors, model, checks, cancellation),
            _ => null,
        };
        if (run is null)
            return NotRun(description, $"task {description.Task} of variant {model.Config.Variant.Name()} is not supported by this version");

        CaseTensors? opened = null;
        try
        {
            return ParityRunner.RunCase(description.Name, description.Task, checks =>
            {
                opened = new CaseTensors(Path.Combine(directory, $"{description.Name}.safetensors"));
                run(opened, checks);
            }, () => opened?.Unused ?? []);
        }
        finally
        {
            opened?.Dispose();
        }
    }

    private static ParityCase NotRun(CaseDescription c, string reason) => new(c.Name, c.Task, ParityStatus.NotRun, reason, [], []);

    /// <summary>
    /// config.json and tokenizer.json beside cases.json come first: the same weights may be checked under another
    /// configuration; otherwise those beside the weights.
    /// </summary>
    private static ModelFiles Files(string directory, string weights)
    {
        if (!File.Exists(weights) && !Directory.Exists(weights))
            throw new ModelException($"{weights}: no such file");
        var beside = Directory.Exists(weights) ? weights : Path.GetDirectoryName(weights)!;
        return new ModelFiles(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))), First("config.json"), First("tokenizer.json"), weights);

        string First(string name)
        {
            var here = Path.Combine(directory, name);
            return File.Exists(here) ? here : Path.Combine(beside, name);
        }
    }
}
