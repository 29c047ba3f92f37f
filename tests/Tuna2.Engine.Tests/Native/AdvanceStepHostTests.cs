using NUnit.Framework;
using Tuna2.Engine.Kernels;

namespace Tuna2.Engine.Tests.Native;

/// <summary>kernels/advance_step.cu in the host runner.</summary>
public class AdvanceStepHostTests
{
    private static readonly HostRunner Runner = new();

    [TestCase(0, 12)]
    [TestCase(6, 1)]
    [TestCase(3, 128)]
    [TestCase(2, 129)]
    public void The_steps_tables_become_the_live_ones_and_the_counter_goes_on(int step, int words)
    {
        using var operands = new Operands(step, words);
        Runner.LaunchChecked(new AdvanceStep(), operands.Args, operands.Buffers);
        Assert.That(operands.Live.As<int>().ToArray(), Is.EqualTo(operands.TablesOf(step)));
        Assert.That(operands.Step.As<int>()[0], Is.EqualTo(step + 1));
    }

    [TestCase(7)]
    [TestCase(1000)]
    public void Past_the_end_the_last_steps_tables_stay(int step)
    {
        using var operands = new Operands(step, 5);
        Runner.LaunchChecked(new AdvanceStep(), operands.Args, operands.Buffers);
        Assert.That(operands.Live.As<int>().ToArray(), Is.EqualTo(operands.TablesOf(Operands.Steps - 1)));
        Assert.That(operands.Step.As<int>()[0], Is.EqualTo(step + 1));
    }

    [Test]
    public void Launch_after_launch_walks_the_schedule()
    {
        using var operands = new Operands(0, 9);
        for (var step = 0; step < Operands.Steps; step++)
        {
            Runner.Launch(new AdvanceStep(), operands.Args);
            Assert.That(operands.Live.As<int>().ToArray(), Is.EqualTo(operands.TablesOf(step)));
        }
    }

    [Test]
    public void Stays_in_its_buffers()
    {
        using var operands = new Operands(6, 7);
        SanitizedRunner.Launch(new AdvanceStep(), operands.Args, operands.Buffers);
    }

    private sealed class Operands : IDisposable
    {
        public const int Steps = 7;
        private const int IntsPerWord = 4;

        private readonly int _columns;
        private readonly int[] _schedule;

        public Operands(int step, int words)
        {
            _columns = words * IntsPerWord;
            var random = new Random(words);
            _schedule = [.. Enumerable.Range(0, Steps * _columns).Select(_ => random.Next())];
            var schedule = HostBuffer.Input<int>("schedule", _schedule);
            Live = HostBuffer.Output<int>("live", _columns);
            Step = HostBuffer.Updated<int>("step", [step]);
            Buffers = [schedule, Live, Step];
            Args = new AdvanceStepArgs { Schedule = schedule.Address, Live = Live.Address, Step = Step.Address, Words = words, Steps = Steps };
        }

        public AdvanceStepArgs Args { get; }

        public HostBuffer Live { get; }

        public HostBuffer Step { get; }

        public HostBuffer[] Buffers { get; }

        public int[] TablesOf(int step) => _schedule[(step * _columns)..((step + 1) * _columns)];

        public void Dispose() => Array.ForEach(Buffers, b => b.Dispose());
    }
}
