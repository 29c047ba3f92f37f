using System.Globalization;
using Tuna2.Engine.Cpu;
using Tuna2.Engine.Cuda;
using Tuna2.Engine.Graph;

namespace Tuna2.Engine;

/// <summary>A device that was opened, and how it came to be this one.</summary>
/// <param name="Backend">The backend.</param>
/// <param name="Note">Why "auto" did not take the GPU there is; null where nothing needs saying.</param>
/// <param name="Otherwise">
/// What to take when the model turns out not to fit, given the reason; null for a device that was asked for by name.
/// </param>
internal sealed record DeviceSelection(IBackend Backend, string? Note = null, Func<string, DeviceSelection>? Otherwise = null)
{
    /// <summary>What the weights of a model are to be there.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>
    /// Opens the device a user asked for by name: "auto", "cpu", "cuda" or "cuda:N". Only "auto" may choose; a device asked for
    /// by name is used or refused, never replaced.
    /// </summary>
    /// <param name="options">The name and the type to compute in.</param>
    /// <param name="cuda">Where driver and kernels are; null for what the environment says.</param>
    /// <exception cref="RequestException">The name is not a device's, or an option is out of range.</exception>
    /// <exception cref="DeviceException">The device is not there, or does not compute in that type.</exception>
    public static DeviceSelection Open(TunaModelOptions options, CudaOptions? cuda = null)
    {
        if (options.Device is not { } name)
            throw new RequestException("the device has no name; \"auto\" lets the engine choose");
        if (!Enum.IsDefined(options.ComputeType))
            throw new RequestException($"compute type {(int)options.ComputeType} is not one of Auto, F32, BF16");
        if (!Enum.IsDefined(options.Simd))
            throw new RequestException($"vector width {(int)options.Simd} is not one of Auto, Scalar, Vector128, Avx2, Avx512");
        if (!Enum.IsDefined(options.Weights))
            throw new RequestException($"weight format {(int)options.Weights} is not one of Stored, Int8, Int4, Fp8");
        return Open(name, options, cuda ?? CudaOptions.OfEnvironment()) with { Weights = options.Weights };
    }

    private static DeviceSelection Open(string name, TunaModelOptions options, CudaOptions cuda)
    {
        if (name == "auto")
            return Choose(options, cuda);
        if (name == "cpu")
            return new(OpenCpu(options));
        if (Ordinal(name) is not { } ordinal)
            throw new RequestException($"device '{OneLine.Of(name)}' is not one of auto, cpu, cuda, cuda:N");
        try
        {
            return new(CudaBackend.Open(ordinal, options, cuda));
        }
        catch (DeviceException e)
        {
            throw new DeviceException($"device {name} cannot be used: {e.Message}", e) { Log = e.Log };
        }
    }

    /// <summary>The first GPU, when it and its kernels can be used; else the CPU. A machine without a driver has none to speak of.</summary>
    private static DeviceSelection Choose(TunaModelOptions options, CudaOptions cuda)
    {
        try
        {
            return new(CudaBackend.Open(0, options, cuda), Otherwise: reason => new(OpenCpu(options), Note(reason)) { Weights = options.Weights });
        }
        catch (DeviceException e)
        {
            var anything = CudaLibrary.Driver.Find(cuda.DriverPath).Candidates.Any(c => c.Found) || cuda.DriverPath is not null;
            try
            {
                return new(OpenCpu(options), anything ? Note(e.Message) : null);
            }
            catch (DeviceException c)
            {
                // bfloat16 was asked for, which the CPU does not do: the GPU's reason matters as much.
                throw new DeviceException($"{c.Message} (cuda:0 cannot be used: {e.Message})", e) { Log = e.Log };
            }
        }

        static string Note(string reason) => $"computing on the CPU: cuda:0 cannot be used: {reason}";
    }

    private static CpuBackend OpenCpu(TunaModelOptions options)
    {
        if (options.ComputeType == ComputeType.BF16)
            throw new DeviceException("dtype bf16: the CPU computes in float32 only; use f32, or a CUDA device");
        if (options.Tuning is not null)
            throw new RequestException($"{options.Tuning}: a tuning is for a CUDA device; the CPU has one way to compute a product");
        return new(options.Threads, options.Simd, options.CheckMemory);
    }

    /// <summary>The N of "cuda:N"; 0 for "cuda"; null for what is no CUDA device's name.</summary>
    private static int? Ordinal(string name) =>
        name == "cuda" ? 0
        : name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal
        : null;
}
