using Tuna2.Engine.Weights;

namespace Tuna2.Engine.Parity;

/// <summary>A case's tensors; remembers which were asked for, so that none is passed over in silence.</summary>
internal sealed class CaseTensors(string path) : IDisposable
{
    private readonly SafetensorsFile _file = new(path);
    private readonly HashSet<string> _used = [];

    /// <summary>Tensors nobody asked for.</summary>
    public IReadOnlyList<string> Unused => [.. _file.Tensors.Select(t => t.Name).Where(n => !_used.Contains(n)).Order(StringComparer.Ordinal)];

    public bool Has(string name) => _file.Contains(name);

    public IReadOnlyList<string> Names => [.. _file.Tensors.Select(t => t.Name)];

    public long[] Shape(string name) => [.. _file[name].Shape];

    public float[] Floats(string name)
    {
        _used.Add(name);
        return _file.ReadFloat32(name);
    }

    public long[] Integers(string name)
    {
        _used.Add(name);
        return _file.ReadInt64(name);
    }

    public byte[] Bytes(string name)
    {
        _used.Add(name);
        return _file.ReadBytes(name);
    }

    public void Dispose() => _file.Dispose();
}
