using System.ComponentModel;
using System.Diagnostics;
using NUnit.Framework;

namespace Tuna2.Engine.Tests.Cli;

/// <summary>What the Tab key offers.</summary>
public sealed class CompletionTests : CliFixture
{
    [TestCase("tuna2 gen", "generate")]
    [TestCase("tuna2 d", "demo,devices,doctor")]
    [TestCase("tuna2 edit x.png y --ste", "--steps")]
    [TestCase("tuna2 generate x --sampler ", "euler,heun")]
    [TestCase("tuna2 generate x --sampler h", "heun")]
    [TestCase("tuna2 generate x --sampler=h", "--sampler=heun")]
    [TestCase("tuna2 generate \"a red circle\" --dtype ", "auto,f32,bf16")]
    [TestCase("tuna2 generate \"a red circle\" --device cuda", "cuda,cuda:0")]
    [TestCase("tuna2 generate x --steps 3 --sampler e", "euler")]
    [TestCase("tuna2 generate x --cfg-interval 0 1 --sampler e", "euler")]
    [TestCase("tuna2 generate x --cfg-interval 0 ", "")]
    [TestCase("tuna2 generate --sampler euler --samp", "")]
    [TestCase("tuna2 completion ", "bash,zsh,fish,pwsh")]
    [TestCase("tuna2 kernels rms_norm_", "rms_norm_bf16,rms_norm_f32")]
    [TestCase("tuna2 kernels rms_norm_f32 rms_norm_b", "rms_norm_bf16")]
    [TestCase("tuna2 edit ", "")]
    [TestCase("tuna2 inspect --mod", "")]
    [TestCase("tuna2 --hel", "--help")]
    [TestCase("", "")]
    public async Task The_words_that_may_come_next_are_named(string line, string expected)
    {
        var run = (await CliRun.OfAsync(["[suggest]", line])).Succeeded();
        if (line.Length > 0)
            Assert.That(Labels(run), Is.EqualTo(expected.Split(',', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Test]
    public async Task At_the_start_there_are_the_commands_and_what_they_do()
    {
        var run = (await CliRun.OfAsync(["[suggest:6]", "tuna2 generate"])).Succeeded();
        Assert.That(Labels(run), Does.Contain("generate").And.Contain("doctor").And.Not.Contain("--help"));
        Assert.That(run.Out, Does.Contain("generate\tMake pictures from text\n"));
    }

    [Test]
    public async Task Options_that_were_given_are_not_offered_again()
    {
        var run = (await CliRun.OfAsync(["[suggest]", "tuna2 generate --json -"])).Succeeded();
        Assert.That(Labels(run), Does.Contain("--steps").And.Contain("-o").And.Contain("--help").And.Not.Contain("--json").And.Not.Contain("--version"));
    }

    [TestCase("csh")]
    [TestCase("")]
    public async Task A_shell_nobody_wrote_for_is_refused(string shell) =>
        (await CliRun.OfAsync(["completion", shell])).Failed(2, $"'{shell}'", "bash, zsh, fish, pwsh");

    [TestCase("tuna2 gen", "generate")]
    [TestCase("tuna2 generate x --sampler ", "euler heun")]
    [TestCase("tuna2 generate x --sampler=h", "heun")]
    [TestCase("tuna2 generate x --device cuda:", "0")]
    [TestCase("tuna2 edit ", "")]
    [Platform(Exclude = "Win")]
    public void In_bash_the_script_completes(string line, string expected)
    {
        if (OperatingSystem.IsWindows())
            return;
        var program = Folder.File("tuna2");
        File.WriteAllText(program, $"#!/bin/sh\nexec dotnet '{typeof(Tuna2.Cli.Cli).Assembly.Location}' \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        const string script = """
            PATH=$1:$PATH
            source <(tuna2 completion bash)
            COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=(tuna2)
            _tuna2
            echo "${COMPREPLY[*]}"
            complete -p tuna2
            """;
        Assert.That(Bash(script, Folder.Path, line), Is.EqualTo($"{expected}\ncomplete -o bashdefault -o default -F _tuna2 tuna2\n"));
    }

    private static string Bash(string script, params string[] arguments)
    {
        try
        {
            using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", script, "bash", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = bash.StandardError.ReadToEndAsync();
            var output = bash.StandardOutput.ReadToEnd();
            bash.WaitForExit();
            Assert.That(errors.Result, Is.Empty);
            return output;
        }
        catch (Win32Exception)
        {
            Assert.Ignore("there is no bash");
            return "";
        }
    }

    private static string[] Labels(CliRun run) => [.. run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')[0])];
}
