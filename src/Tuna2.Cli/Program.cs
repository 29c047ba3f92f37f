using System.Runtime.InteropServices;
using System.Text;
using Spectre.Console;

namespace Tuna2.Cli;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        ProcessorBuild.Enter(args);
        // Elsewhere the terminal's own encoding holds, nearly always UTF-8.
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var console = new CliConsole(Console.Out, Console.Error, Console.IsErrorRedirected ? null
            // Asked to find out whether it is interactive, Spectre.Console would want standard input and output to be terminals too.
            : () => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error), Interactive = InteractionSupport.Yes }))
        {
            In = Console.In,
            Interactive = !Console.IsInputRedirected && !Console.IsErrorRedirected,
        };
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await Cli.RunAsync(args, console, stop.Token).ConfigureAwait(false);

        void Stop(PosixSignalContext signal)
        {
            if (signal.Signal == PosixSignal.SIGINT && console.Interrupts.Raise())
            {
                signal.Cancel = true;
                return;
            }
            // The first signal asks the work to end; a second one, from a user who will not wait, ends the process.
            signal.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
    }
}
