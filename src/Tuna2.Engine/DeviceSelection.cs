using System.Globalization;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine;

/// <summary>The device a user asked for by name: "auto", "cpu", "cuda" or "cuda:N".</summary>
internal static class DeviceSelection
{
    /// <summary>
    /// Opens the device. Only "auto" may choose; a device asked for by name is used or refused, never replaced.
    /// </summary>
    /// <exception cref="RequestException">The name is not a device's, or an option is out of range.</exception>
    /// <exception cref="DeviceException">The device is not there, or does not compute in that type.</exception>
    public static IBackend Open(TunaModelOptions options)
    {
        if (options.Device is not { } name)
            throw new RequestException("the device has no name; \"auto\" lets the engine choose");
        if (!Enum.IsDefined(options.ComputeType))
            throw new RequestException($"compute type {(int)options.ComputeType} is not one of Auto, F32, BF16");
        if (!Enum.IsDefined(options.Simd))
            throw new RequestException($"vector width {(int)options.Simd} is not one of Auto, Scalar, Vector128, Avx2, Avx512");
        if (name is "auto" or "cpu")
        {
            if (options.ComputeType == ComputeType.BF16)
                throw new DeviceException("dtype bf16: the CPU computes in float32 only; use f32, or a CUDA device");
            if (options.Tuning is not null)
                throw new RequestException($"{options.Tuning}: a tuning is for a CUDA device; the CPU has one way to compute a product");
            return new CpuBackend(options.Threads, options.Simd);
        }
        if (name == "cuda" || (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            throw new DeviceException($"device {name}: this version of Tuna2.Engine has no CUDA backend; use cpu");
        throw new RequestException($"device '{name}' is not one of auto, cpu, cuda, cuda:N");
    }
}
