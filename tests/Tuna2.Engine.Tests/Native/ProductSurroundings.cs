using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>
/// A product's operands again, in the midst of larger buffers: before and behind x and w lies NaN, before and behind y what
/// must stay as it is.
/// </summary>
internal sealed class ProductSurroundings : IDisposable
{
    private const int Rows = 3;
    private const float Guard = 42;

    private readonly ProductOperands _operands;
    private readonly ElementType _element;
    private readonly HostBuffer _x;
    private readonly HostBuffer _w;
    private readonly HostBuffer _y;
    private readonly int _guards;

    public ProductSurroundings(ElementType element, ProductOperands operands)
    {
        (_element, _operands, _guards) = (element, operands, Rows * operands.Size.N);
        var nothing = Enumerable.Repeat(float.NaN, Rows * operands.Size.K);
        _x = element.Input("x", [.. nothing, .. element.Read(operands.X), .. nothing]);
        _w = element.Input("w", [.. nothing, .. element.Read(operands.W), .. nothing]);
        _y = element.Updated("y", [.. Enumerable.Repeat(Guard, operands.Size.Rows * operands.Size.N + 2 * _guards)]);
        Buffers = [.. operands.Buffers.Except([operands.X, operands.W, operands.Y]), _x, _w, _y];
    }

    /// <summary>What a launch reads and writes.</summary>
    public HostBuffer[] Buffers { get; }

    public ulong X => _x.Address + (ulong)(Rows * _operands.Size.K * _element.Size());

    public ulong W => _w.Address + (ulong)(Rows * _operands.Size.K * _element.Size());

    public ulong Y => _y.Address + (ulong)(_guards * _element.Size());

    /// <summary>The output is right, and nothing around it was written.</summary>
    public void Verify()
    {
        var y = _element.Read(_y);
        Assert.That(y[.._guards].Concat(y[^_guards..]), Is.All.EqualTo(Guard));
        (_operands.Result() with { Actual = y[_guards..^_guards] }).AssertAgrees();
    }

    public void Dispose()
    {
        _x.Dispose();
        _w.Dispose();
        _y.Dispose();
    }
}
