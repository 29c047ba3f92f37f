using Tuna2.Engine.Cuda;

namespace Tuna2.Engine.Tests.Cuda;

/// <summary>cuBLASLt on the memory of a fake driver, whose context must be current where the real one needs one.</summary>
internal sealed unsafe class FakeCublasLt : FakeLibrary
{
    public FakeCublasLt(FakeDriver driver) : base("fakecublaslt", "libcublasLt.so.12") =>
        ((delegate* unmanaged<nint, nint, nint, nint, void>)Export("fake_set_driver"))(
            driver.Function("fake_depth"), driver.Function("fake_capability"), driver.Function("fake_capturing"), driver.Function("fake_enqueue"));

    /// <summary>Products computed.</summary>
    public int Products => Number("fake_products");

    /// <summary>Of them, those of eight-bit floats.</summary>
    public int EightBitProducts => Number("fake_eight_bit_products");

    /// <summary>The compute type of the last.</summary>
    public int LastCompute => Number("fake_last_compute");

    /// <summary>The type of the factors of the last.</summary>
    public int LastType => Number("fake_last_type");

    /// <summary>Whether the last might be summed in less than float32.</summary>
    public int LastFast => Number("fake_last_fast");

    /// <summary>The epilogue of the last: the number the library was given.</summary>
    public int LastEpilogue => Number("fake_last_epilogue");

    /// <summary>The algorithm of the last.</summary>
    public int LastAlgorithm => Number("fake_last_algorithm");

    /// <summary>The stream of the last.</summary>
    public nint LastStream => ((delegate* unmanaged<nint>)Export("fake_last_stream"))();

    public CublasLtLibrary Load() => CublasLtLibrary.Load(path: Path);

    public void SetVersion(int version) => ((delegate* unmanaged<int, void>)Export("fake_set_version"))(version);

    /// <summary>How many of its algorithms it offers, from the first.</summary>
    public void SetOffered(int count) => ((delegate* unmanaged<int, void>)Export("fake_set_offered"))(count);
}
