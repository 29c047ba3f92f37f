using System.Globalization;
using System.Runtime.InteropServices;
using Tuna2.Engine.Interop;

namespace Tuna2.Engine.Cuda;

/// <summary>A GPU: facts about it, asked for once. It holds nothing on the device.</summary>
internal sealed unsafe class CudaDevice
{
    private const int NameBytes = 256;

    internal CudaDevice(CudaDriver driver, int ordinal)
    {
        Driver = driver;
        Ordinal = ordinal;
        int handle;
        driver.Check(driver.Api.cuDeviceGet(&handle, ordinal));
        Handle = handle;

        var name = stackalloc byte[NameBytes];
        driver.Check(driver.Api.cuDeviceGetName(name, NameBytes, handle));
        Name = Marshal.PtrToStringUTF8((nint)name) ?? "";
        nuint memory;
        driver.Check(driver.Api.cuDeviceTotalMem_v2(&memory, handle));
        TotalMemory = (long)memory;
        Capability = new(Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
        Multiprocessors = Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        ClockKilohertz = Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
        L2Bytes = Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
        MaxSharedBytes = Ask(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    }

    /// <summary>The driver it was asked of.</summary>
    public CudaDriver Driver { get; }

    /// <summary>Its number: the N of cuda:N.</summary>
    public int Ordinal { get; }

    /// <summary>The driver's handle.</summary>
    public int Handle { get; }

    /// <summary>What NVIDIA calls it: "NVIDIA H100 80GB HBM3".</summary>
    public string Name { get; }

    /// <summary>The compute capability: 9.0.</summary>
    public Version Capability { get; }

    /// <summary>
    /// What kernels are compiled for: "sm_90a". From Hopper on with the suffix that opens features of exactly this architecture; code
    /// is made on the machine it runs on, so it need not run elsewhere.
    /// </summary>
    public CudaArchitecture Architecture => new(Capability.Major * 10 + Capability.Minor, Capability.Major >= 9 ? 'a' : null);

    /// <summary>Streaming multiprocessors.</summary>
    public int Multiprocessors { get; }

    /// <summary>The highest clock, in kHz.</summary>
    public int ClockKilohertz { get; }

    /// <summary>Bytes of the L2 cache.</summary>
    public int L2Bytes { get; }

    /// <summary>The most shared memory a block may ask for.</summary>
    public int MaxSharedBytes { get; }

    /// <summary>Bytes of device memory.</summary>
    public long TotalMemory { get; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"cuda:{Ordinal} {Name}, {Architecture}, {Multiprocessors} SMs, {TotalMemory / (double)(1L << 30):0.0} GiB");

    private int Ask(CUdevice_attribute attribute)
    {
        int value;
        Driver.Check(Driver.Api.cuDeviceGetAttribute(&value, attribute, Handle));
        return value;
    }
}
