namespace Tuna2.Engine.Interop;

/// <summary>CUfunction_attribute of cuda.h: the one that is set.</summary>
internal enum CUfunction_attribute
{
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
}
