using System.Diagnostics;
using System.Text;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>
/// Runs an instance once in a process of its own under AddressSanitizer, on heap copies of the buffers of exactly their size:
/// every access outside them, and every misaligned one, ends it. The buffers here stay as they are. native/asan_main.cpp gives
/// the format of the description.
/// </summary>
internal static class SanitizedRunner
{
    /// <summary>Runs a kernel by its record.</summary>
    /// <exception cref="KernelFaultException">The sanitizer's report.</exception>
    public static void Launch<TKernel, TArgs>(in TKernel kernel, TArgs args, params ReadOnlySpan<HostBuffer> buffers)
        where TKernel : IKernel<TArgs> where TArgs : unmanaged =>
        Launch("kernels", kernel.Instance, kernel.Shape(args), HostRunner.Bytes(args), buffers);

    /// <inheritdoc cref="Launch{TKernel, TArgs}"/>
    public static void Launch(
        string folder, KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, params ReadOnlySpan<HostBuffer> buffers)
    {
        var program = NativeBuild.Require(folder, $"tuna2_asan_{kernel.Name}");
        var lines = new List<string>
        {
            $"grid {shape.GridX} {shape.GridY} {shape.GridZ}",
            $"block {shape.Block}",
            $"shared {shape.SharedBytes}",
            $"arguments {Convert.ToHexString(arguments)}",
        };
        foreach (var buffer in buffers)
            lines.Add($"buffer {buffer.Bytes}");
        foreach (var (at, buffer, offset) in BufferPointers.In(arguments, buffers))
            lines.Add($"pointer arguments {at} {buffer} {offset}");
        lines.Add("data\n");

        using var directory = new TemporaryDirectory();
        var description = directory.File("launch");
        using (var file = File.Create(description))
        {
            file.Write(Encoding.ASCII.GetBytes(string.Join('\n', lines)));
            foreach (var buffer in buffers)
                file.Write(buffer.As<byte>());
        }
        using var process = Process.Start(new ProcessStartInfo(program, [description]) { RedirectStandardError = true })!;
        var report = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new KernelFaultException($"{kernel}, {shape}: exit code {process.ExitCode}\n{report}");
    }
}
