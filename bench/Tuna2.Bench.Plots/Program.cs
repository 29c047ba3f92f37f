using Tuna2.Bench.Plots;
using Tuna2.Bench.Plots.Data;

// Rows of results to pictures; see README.md.

const string Usage = "usage: dotnet run -c Release --project bench/Tuna2.Bench.Plots -- [--results FOLDER] [--output FOLDER]";

string folder = Path.Combine("bench", "results"), output = Path.Combine("docs", "images");
for (var i = 0; i < args.Length; i += 2)
{
    if (i + 1 == args.Length || args[i] is not ("--results" or "--output"))
    {
        Console.Error.WriteLine(Usage);
        return 2;
    }
    (folder, output) = args[i] == "--results" ? (args[i + 1], output) : (folder, args[i + 1]);
}
try
{
    var results = Results.Read(folder);
    Directory.CreateDirectory(output);
    Write("roofline-cpu", CpuRoofline.Of(results) is { } cpu ? RooflinePlot.Draw(cpu) : null);
    Write("roofline-gpu", RooflinePlot.Draw(GpuRoofline.Of(results)));
    foreach (var growth in GrowthChart.Of(results))
        Write($"growth-{growth.Axis}", growth.Lines.Count > 0 ? GrowthPlot.Draw(growth) : null);
    foreach (var problem in results.Problems)
        Console.Error.WriteLine(problem);
    return results.Problems.Count == 0 ? 0 : 1;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// What nobody measured has no picture, not an old one either.
void Write(string name, byte[]? png)
{
    var path = Path.Combine(output, $"{name}.png");
    if (png is null)
    {
        File.Delete(path);
        Console.WriteLine($"{name}: not run");
        return;
    }
    File.WriteAllBytes(path, png);
    Console.WriteLine($"{path}: {png.Length} bytes");
}
