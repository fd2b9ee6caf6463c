using System.Runtime.CompilerServices;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Memory;

[TestFixture, NonParallelizable]
public sealed unsafe class MemorySourceTests
{
    private static readonly float[] _values = [1, 2, 3, 4];

    /// <summary>The source of production, with a weak reference to each owner.</summary>
    private sealed class WatchedMemory : MemorySource, IDisposable
    {
        private readonly MemorySource _source = Current;

        public WatchedMemory() => Current = this;

        public List<WeakReference> Owners { get; } = [];

        public override MemoryBlock Allocate(int length)
        {
            MemoryBlock block = _source.Allocate(length);
            Owners.Add(new WeakReference(block.Owner));
            return block;
        }

        public void Dispose() => Current = _source;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Span<float> SpanOfADroppedBuffer() => new PinnedBuffer(_values).Span;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ReadOnlySpan<float> SpanOfADroppedTensor() => new Tensor(new PinnedBuffer(_values), [2, 2]).Span;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ReadOnlySpan<float> SpanOfADroppedPlan()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4]), y = x * 1f;
        Plan plan = graph.Compile([y]).Bind(x, _values);
        plan.Run();
        return plan[y].Span;
    }

    private static void Collect()
    {
        for (int round = 0; round < 3; round++)
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
    }

    private delegate ReadOnlySpan<float> MakeSpan();

    private static void AssertThatTheSpanKeepsItsMemory(MakeSpan make)
    {
        using var memory = new WatchedMemory();
        ReadOnlySpan<float> span = make();
        Collect();
        Assert.That(memory.Owners.Select(owner => owner.IsAlive), Is.Not.Empty.And.All.True);
        Assert.That(span.ToArray(), Is.EqualTo(_values));
    }

    [Test]
    public void Span_outlives_the_buffer_that_it_was_made_from() => AssertThatTheSpanKeepsItsMemory(() => SpanOfADroppedBuffer());

    [Test]
    public void Span_outlives_the_tensor_that_it_was_made_from() => AssertThatTheSpanKeepsItsMemory(() => SpanOfADroppedTensor());

    [Test]
    public void Span_outlives_the_plan_that_it_was_made_from() => AssertThatTheSpanKeepsItsMemory(SpanOfADroppedPlan);

    [Test]
    public void Chosen_allocation_fails_and_no_other()
    {
        using var memory = new FailingMemory(1);
        var first = new PinnedBuffer(3);
        Assert.That(memory.HasFailed, Is.False);
        Assert.That(() => new PinnedBuffer(3), Throws.InstanceOf<OutOfMemoryException>());
        Assert.That(new PinnedBuffer(3).Length, Is.EqualTo(first.Length));
        Assert.That((memory.HasFailed, memory.Count), Is.EqualTo((true, 3)));
    }

    [Test]
    [Platform("Linux")]
    public void Guarded_values_end_at_the_page_that_nobody_may_touch([Values(0, 1, 15, 16, 17, 1024, 5000)] int length)
    {
        var memory = new GuardedMemory();
        MemoryBlock block = memory.Allocate(length);
        long start = block.Address, end = start + (length * sizeof(float));
        var values = new Span<float>((void*)block.Address, length);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(start % PinnedBuffer.Alignment, Is.Zero);
            Assert.That((4096 - (end % 4096)) % 4096, Is.LessThan(PinnedBuffer.Alignment));
            Assert.That(values.ContainsAnyExcept(0f), Is.False, "zeroed");
            Assert.That(memory.CountDamage(), Is.Zero);
        }

        values.Fill(1);
        Assert.That(memory.CountDamage(), Is.Zero, "the value is its own");
        GC.KeepAlive(block.Owner);
    }

    [TestCase(-1)]
    [TestCase(17)]
    [TestCase(30)]
    [Platform("Linux")]
    public void Guarded_memory_notices_a_write_beside_a_value(int element)
    {
        var memory = new GuardedMemory();
        MemoryBlock block = memory.Allocate(17);
        ((float*)block.Address)[element] = 0;
        Assert.That(memory.CountDamage(), Is.EqualTo(1));
        Assert.That(memory.CountDamage(), Is.Zero, "each value counts once");
        GC.KeepAlive(block.Owner);
    }

    [Test]
    [Platform("Linux")]
    public void Guarded_plans_compute_the_same_with_a_place_for_every_value()
    {
        float[] reused = Values(out long reusedPlaces);
        MemorySource production = MemorySource.Current;
        MemorySource.Current = new GuardedMemory();
        try
        {
            float[] guarded = Values(out long guardedPlaces);
            Assert.That(guarded, Is.EqualTo(reused));
            Assert.That(guardedPlaces, Is.GreaterThan(reusedPlaces));
            Assert.That(((GuardedMemory)MemorySource.Current).CountDamage(), Is.Zero);
        }
        finally
        {
            MemorySource.Current = production;
        }
    }

    private static float[] Values(out long arena)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [5, 7]), w = graph.Variable("w", [7, 7], [.. Enumerable.Range(0, 49).Select(i => 0.01f * i)]);
        Node y = x.MatMul(w).MatMul(w).MatMul(w).Tanh().Sum(axis: 0).Exp();
        Node[] outputs = [y, .. graph.Gradient(y.Sum(), x)];
        using Plan plan = graph.Compile(outputs);
        plan.Bind(x, [.. Enumerable.Range(0, 35).Select(i => 0.01f * i)]).Run();
        arena = plan.ArenaBytes;
        return [.. outputs.SelectMany(output => plan[output].ToArray())];
    }
}
