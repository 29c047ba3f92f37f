using System.Runtime.CompilerServices;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>
/// A device's primary context, which all users of the device in the process share. It is made current around each call and not
/// left so: the host program may have a context of its own on the same thread.
/// <para>
/// A fault (an illegal address, an assertion) loses the context for the process. The first one is kept and reported again by
/// every later call; disposal stays silent. What lives in the context holds on to it, so objects may be disposed in any order.
/// </para>
/// </summary>
internal sealed unsafe class CudaContext : IDisposable
{
    private readonly nint _handle;
    private int _references = 1;
    private int _disposed;
    private string? _fault;

    /// <summary>Makes the device ready.</summary>
    /// <exception cref="DeviceException">It is in exclusive use, broken, or out of memory.</exception>
    public CudaContext(CudaDevice device)
    {
        Device = device;
        nint handle;
        Driver.Check(Api.cuDevicePrimaryCtxRetain(&handle, device.Handle));
        _handle = handle;
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>The driver.</summary>
    public CudaDriver Driver => Device.Driver;

    /// <summary>The driver's functions, to be called within <see cref="Enter"/>.</summary>
    public Libcuda Api => Driver.Api;

    /// <summary>The error that lost the device to this process; null while it works.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>What was launched last. Faults of kernels surface in a later call, which names this.</summary>
    public LaunchSite LastLaunch { get; set; }

    /// <summary>Bytes of device memory that are free, whoever uses the rest.</summary>
    public long FreeMemory
    {
        get
        {
            using var _ = Enter();
            nuint free, total;
            Check(Api.cuMemGetInfo_v2(&free, &total));
            return (long)free;
        }
    }

    /// <summary>Makes the context current until the scope is disposed.</summary>
    /// <exception cref="DeviceException">The device was lost before, or the driver refuses.</exception>
    public Scope Enter()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) == 0, this);
        ThrowIfLost();
        Check(Api.cuCtxPushCurrent_v2(_handle));
        return new(this);
    }

    /// <summary>Throws when a call failed, naming it and what it was about; and when the device was lost before.</summary>
    /// <param name="result">Its result.</param>
    /// <param name="about">What it was about, or null; see <see cref="Check(CUresult, in LaunchSite, string)"/> for launches.</param>
    /// <param name="call">The call's text, from which its name is taken if it failed.</param>
    public void Check(CUresult result, string? about = null, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CUresult.CUDA_SUCCESS)
            Fail(result, call, about is null ? "" : $", {about}");
    }

    /// <summary>Throws when a call for a launch failed, naming the kernel, its constants, the shape and the node.</summary>
    public void Check(CUresult result, in LaunchSite site, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CUresult.CUDA_SUCCESS)
            Fail(result, call, $", launching {site}");
    }

    /// <summary>
    /// As <see cref="Enter"/>, for disposal: never throws. Where the driver refuses, <see cref="Scope.IsCurrent"/> is false and there is
    /// nothing to be done: the memory goes with the process.
    /// </summary>
    public Scope EnterToFree() => new(Api.cuCtxPushCurrent_v2(_handle) == CUresult.CUDA_SUCCESS ? this : null);

    /// <summary>Takes the result of a call that frees something: nothing is raised, but a fault that surfaces here is kept.</summary>
    public void Note(CUresult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result.IsSticky())
            KeepFault(Message(result, call, ""));
    }

    /// <summary>Holds the context for an object that lives in it.</summary>
    public void AddReference()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) == 0, this);
        Interlocked.Increment(ref _references);
    }

    /// <summary>Lets go of it; the last one returns the context to the driver.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
            Api.cuDevicePrimaryCtxRelease_v2(Device.Handle);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Release();
    }

    private void Pop()
    {
        nint popped;
        Api.cuCtxPopCurrent_v2(&popped);
    }

    private void Fail(CUresult result, string call, string about)
    {
        ThrowIfLost();
        var message = Message(result, call, about);
        if (result.IsSticky())
            KeepFault(message);
        throw new DeviceException(message);
    }

    private string Message(CUresult result, string call, string about)
    {
        // Kernels run after their launch has returned: the call that reports a fault is seldom the one that made it.
        var suspect = result.IsSticky() && about.Length == 0 && LastLaunch != default ? $", after launching {LastLaunch}" : "";
        return $"cuda:{Device.Ordinal}: {Driver.Describe(result)} in {CudaDriver.FunctionName(call)}{about}{suspect}";
    }

    private void KeepFault(string message) => Interlocked.CompareExchange(ref _fault, message, null);

    private void ThrowIfLost()
    {
        if (Fault is { } fault)
            throw new DeviceException($"the device is lost to this process since {fault}");
    }

    /// <summary>The time a context is current on a thread. Disposed on that thread, and once.</summary>
    public readonly ref struct Scope(CudaContext? context)
    {
        /// <summary>Whether it is.</summary>
        public bool IsCurrent => context is not null;

        /// <summary>Makes current what was before.</summary>
        public void Dispose() => context?.Pop();
    }
}
