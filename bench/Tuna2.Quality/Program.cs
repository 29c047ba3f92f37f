using Tuna2.Engine;
using Tuna2.Quality;

const string Usage = "usage: dotnet run -c Release --project bench/Tuna2.Quality -- pictures|choices|products|speed|all [--model DIR] [--seeds N] [--threads N] [--json FILE]";

string? json = null;
string model = "models/tuna2-shapes";
int seeds = 20, threads = 2;
if (args is not [("pictures" or "choices" or "products" or "speed" or "all") and var what, .. var options])
    return Refuse();
for (var i = 0; i < options.Length; i += 2)
{
    var value = i + 1 < options.Length ? options[i + 1] : "";
    var taken = options[i] switch
    {
        "--model" => (model = value) != "",
        "--seeds" => int.TryParse(value, out seeds) && seeds is > 0 and <= 10_000,
        "--threads" => int.TryParse(value, out threads) && threads is > 0 and <= 1024,
        "--json" => (json = value) != "",
        _ => false,
    };
    if (!taken)
        return Refuse();
}

try
{
    // Where the rows go is nobody's business who reads them.
    var command = string.Join(' ', args.Where((a, i) => a != "--json" && (i == 0 || args[i - 1] != "--json")));
    var report = new Report(json, threads, command);
    if (what is "products" or "all")
        await ProductErrors.RunAsync(model, threads, Math.Min(seeds, 3), report).ConfigureAwait(false);
    if (what is "pictures" or "all")
        await PictureErrors.RunAsync(model, threads, seeds, report).ConfigureAwait(false);
    if (what is "choices" or "all")
        await Choices.RunAsync(model, threads, seeds, report).ConfigureAwait(false);
    if (what is "speed" or "all")
        Speed.Run(threads, report);
    return 0;
}
catch (Exception e) when (e is Tuna2Exception or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

static int Refuse()
{
    Console.Error.WriteLine(Usage);
    return 2;
}
