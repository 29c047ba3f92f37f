using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>A fault the host runner found: its message says in which kernel, block, thread and where in the source.</summary>
internal sealed class KernelFaultException(string message) : Exception(message);

/// <summary>
/// Runs kernel instances on the CPU (native/README.md). Addresses in arguments are the process's own: those of
/// <see cref="HostBuffer"/>s, whose ends are guarded, or any pinned memory.
/// </summary>
/// <param name="folder">Of the build: "kernels", or "faults" for the seeded ones.</param>
internal sealed unsafe class HostRunner(string folder = "kernels") : ILauncher
{
    private const int ErrorBytes = 2048;

    private readonly ConcurrentDictionary<string, nint> _launchFunctions = new();

    /// <summary>native/abi.h's Tuna2RunOptions.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct RunOptions
    {
        public int Reversed;
        public int Poison;
        public int Threads;
        public int Seconds;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Grid
    {
        public uint X;
        public uint Y;
        public uint Z;
    }

    /// <summary>How long a launch may take; 0: the runner's own limit.</summary>
    public int Seconds { get; init; }

    /// <summary>Runs it once, in ascending order, on all cores.</summary>
    public void Launch(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, string node) =>
        Run(kernel, shape, arguments, new RunOptions { Seconds = Seconds }, node);

    /// <summary>Runs a kernel by its record.</summary>
    public void Launch<TKernel, TArgs>(in TKernel kernel, TArgs args) where TKernel : IKernel<TArgs> where TArgs : unmanaged =>
        Launch(kernel.Instance, kernel.Shape(args), Bytes(args), "");

    /// <summary>
    /// Runs it on copies of all its buffers, ascending and descending, with both poison patterns, and takes the result: the bits
    /// must agree, inputs must be as they were, nothing may be written around a buffer.
    /// </summary>
    /// <exception cref="KernelFaultException">What was found.</exception>
    public void LaunchChecked<TKernel, TArgs>(in TKernel kernel, TArgs args, params ReadOnlySpan<HostBuffer> buffers)
        where TKernel : IKernel<TArgs> where TArgs : unmanaged =>
        LaunchChecked(kernel.Instance, kernel.Shape(args), Bytes(args), buffers);

    /// <inheritdoc cref="LaunchChecked{TKernel, TArgs}"/>
    public void LaunchChecked(
        KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, params ReadOnlySpan<HostBuffer> buffers)
    {
        HostBuffer[]? first = null;
        try
        {
            for (var run = 0; run < 4; run++)
            {
                // One OS thread: blocks, too, run in just this order.
                var options = new RunOptions { Reversed = run & 1, Poison = run >> 1, Threads = 1, Seconds = Seconds };
                var copies = new HostBuffer[buffers.Length];
                try
                {
                    for (var i = 0; i < copies.Length; i++)
                        copies[i] = buffers[i].Copy(options.Poison);
                    Run(kernel, shape, BufferPointers.Moved(arguments, buffers, copies), options, "");
                    Verify(kernel, buffers, copies);
                    if (first is not null)
                        Compare(kernel, first, copies, options);
                }
                finally
                {
                    if (first is null)
                        first = copies;
                    else
                        Free(copies);
                }
            }
            for (var i = 0; i < buffers.Length; i++)
                first![i].As<byte>().CopyTo(buffers[i].As<byte>());
        }
        finally
        {
            Free(first ?? []);
        }
    }

    /// <summary>An argument as its bytes.</summary>
    public static ReadOnlySpan<byte> Bytes<TArgs>(TArgs args) where TArgs : unmanaged => MemoryMarshal.AsBytes(new[] { args }.AsSpan());

    private static void Verify(KernelInstance kernel, ReadOnlySpan<HostBuffer> originals, HostBuffer[] copies)
    {
        for (var i = 0; i < copies.Length; i++)
        {
            if (copies[i].Overrun() is { } overrun)
                throw new KernelFaultException($"{kernel.Name}: {overrun}");
            if (copies[i].Use == BufferUse.Input && Difference(originals[i], copies[i]) is { } at)
                throw new KernelFaultException($"{kernel.Name}: wrote into its input {copies[i].Name}, at byte {at}");
        }
    }

    private static void Compare(KernelInstance kernel, HostBuffer[] first, HostBuffer[] copies, RunOptions options)
    {
        for (var i = 0; i < copies.Length; i++)
            if (Difference(first[i], copies[i]) is { } at)
                throw new KernelFaultException(
                    $"{kernel.Name}: {copies[i].Name} differs from byte {at} on between threads ascending, poison 0, and " +
                    $"{(options.Reversed == 0 ? "ascending" : "descending")}, poison {options.Poison}: " +
                    "a race, or something read or left unwritten");
    }

    private static int? Difference(HostBuffer a, HostBuffer b)
    {
        var at = a.As<byte>().CommonPrefixLength(b.As<byte>());
        return at == a.Bytes ? null : at;
    }

    private static void Free(HostBuffer?[] buffers)
    {
        foreach (var buffer in buffers)
            buffer?.Dispose();
    }

    private void Run(KernelInstance kernel, in LaunchShape shape, ReadOnlySpan<byte> arguments, RunOptions options, string node)
    {
        var launch = (delegate* unmanaged<byte*, nuint, Grid, int, nuint, RunOptions*, byte*, nuint, int>)
            _launchFunctions.GetOrAdd(kernel.Name, Load);
        var grid = new Grid { X = (uint)shape.GridX, Y = (uint)shape.GridY, Z = (uint)shape.GridZ };
        var error = stackalloc byte[ErrorBytes];
        fixed (byte* args = arguments)
            if (launch(args, (nuint)arguments.Length, grid, shape.Block, (nuint)shape.SharedBytes, &options, error, ErrorBytes) != 0)
                throw new KernelFaultException($"{HostMemory.Text(error)}; {kernel}, {shape}{(node.Length > 0 ? $", node {node}" : "")}");
    }

    private nint Load(string instance) =>
        NativeLibrary.GetExport(NativeLibrary.Load(NativeBuild.Require(folder, $"lib{instance}.so")), "tuna2_launch");
}
