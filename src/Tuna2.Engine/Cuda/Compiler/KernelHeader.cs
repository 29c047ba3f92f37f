namespace Tuna2.Engine.Cuda.Compiler;

/// <summary>A header as NVRTC knows it.</summary>
/// <param name="Name">What include directives call it: "common/vec.cuh".</param>
/// <param name="Text">Its content.</param>
internal readonly record struct KernelHeader(string Name, string Text);
