using System.Runtime.InteropServices;
using System.Text;

namespace Tuna2.Cli;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        // Elsewhere the terminal's own encoding holds, nearly always UTF-8.
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var console = new CliConsole(Console.Out, Console.Error, ShowProgress: !Console.IsErrorRedirected) { Screen = TerminalScreen.OfProcess };
        return await Cli.RunAsync(args, console, stop.Token).ConfigureAwait(false);

        void Stop(PosixSignalContext signal)
        {
            // The first signal asks the work to end; a second one, from a user who will not wait, ends the process.
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
    }
}
