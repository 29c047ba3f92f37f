using Tuna2.Engine.Graph;

namespace Tuna2.Engine.Tests.Graph;

/// <summary>An op that is nothing but its declarations.</summary>
internal sealed class TestOp(string name, Value[] reads, Value[] writes, Value[]? scratch = null, Value? replaceable = null) : Op(name)
{
    public override IEnumerable<Value> Reads => reads;
    public override IEnumerable<Value> Writes => writes;
    public override IEnumerable<Value> Scratch => scratch ?? [];
    public override Value? Replaceable => replaceable;
}
