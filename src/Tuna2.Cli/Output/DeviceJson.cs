using System.Text.Json;
using Tuna2.Engine;
using Tuna2.Engine.Cuda;

namespace Tuna2.Cli.Output;

/// <summary>Devices and libraries as JSON.</summary>
internal static class DeviceJson
{
    /// <summary>Writes what a report says as properties of the object that is open: "devices", "libraries".</summary>
    public static void Write(Utf8JsonWriter json, DeviceReport report)
    {
        json.WriteStartArray("devices");
        json.WriteStartObject();
        json.WriteString("name", "cpu");
        json.WriteString("description", report.Cpu.Name);
        json.WriteNumber("processors", report.Cpu.Processors);
        json.WriteString("simd", report.Cpu.Simd.ToString().ToLowerInvariant());
        json.WriteStartArray("instructions");
        foreach (var instruction in report.Cpu.Instructions)
            json.WriteStringValue(instruction);
        json.WriteEndArray();
        json.WriteNumber("memory_bytes", report.Cpu.MemoryBytes);
        json.WriteNumber("available_bytes", report.Cpu.AvailableBytes);
        json.WriteNull("problem");
        json.WriteEndObject();
        foreach (var gpu in report.Gpus)
        {
            json.WriteStartObject();
            json.WriteString("name", gpu.Id);
            json.WriteString("description", gpu.Name);
            json.WriteString("compute_capability", gpu.ComputeCapability.ToString());
            json.WriteString("arch", gpu.Architecture);
            json.WriteNumber("multiprocessors", gpu.Multiprocessors);
            json.WriteNumber("memory_bytes", gpu.MemoryBytes);
            json.WriteString("problem", gpu.Problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();

        json.WriteStartObject("libraries");
        Write(json, "driver", report.Driver);
        json.WriteString("display_driver", report.DisplayDriver);
        Write(json, "nvrtc", report.Nvrtc);
        Write(json, "cublaslt", report.CublasLt);
        json.WriteEndObject();
    }

    /// <summary>Writes the places of a search as the property "looked_in".</summary>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<LibraryCandidate> places)
    {
        json.WriteStartArray("looked_in");
        foreach (var place in places)
        {
            json.WriteStartObject();
            json.WriteString("origin", place.Origin);
            json.WriteString("path", place.Path);
            json.WriteBoolean("found", place.Found);
            json.WriteString("problem", place.Problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string name, LibraryReport library)
    {
        json.WriteStartObject(name);
        json.WriteString("path", library.Search.Path);
        json.WriteString("version", library.Version?.ToString());
        json.WriteString("problem", library.Problem);
        Write(json, library.Search.Candidates);
        json.WriteEndObject();
    }
}
