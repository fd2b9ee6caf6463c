using NativeBackprop.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Memory;

[TestFixture]
public sealed unsafe class PinnedBufferTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(1000)]
    public void A_buffer_starts_on_a_cache_line_and_is_zero(int length)
    {
        var buffer = new PinnedBuffer(length);
        Assert.That((nuint)buffer.Pointer % PinnedBuffer.Alignment, Is.EqualTo((nuint)0));
        Assert.That(buffer.Length, Is.EqualTo(length));
        Assert.That(buffer.Span.ToArray(), Has.Length.EqualTo(length).And.All.Zero);
    }

    [TestCase(0, 0)]
    [TestCase(1 << 20, 0)]
    [TestCase((3 << 19) - 4, 0)]
    [TestCase((4 << 20) - 4, 0)]
    [TestCase(4 << 20, 4 << 20)]
    [TestCase((4 << 20) + 4, 4 << 20)]
    [TestCase(11 << 19, 6 << 20)]
    [TestCase(9 << 20, 8 << 20)]
    [TestCase(15 << 19, 8 << 20)]
    [Platform("Linux")]
    public void Huge_pages_are_asked_for_where_most_of_each_is_used(long bytes, long expected) =>
        Assert.That(HugePages.BytesFor(bytes), Is.EqualTo(expected));

    [Test]
    [Platform("Linux")]
    public void A_large_buffer_starts_on_a_huge_page_and_is_zero([Values(4 << 18, (8 << 18) + 5)] int length)
    {
        var buffer = new PinnedBuffer(length);
        Assert.That((nuint)buffer.Pointer % (nuint)HugePages.Size, Is.EqualTo((nuint)0));
        Assert.That(buffer.Span.Length, Is.EqualTo(length));
        Assert.That(buffer.Span.IndexOfAnyExcept(0f), Is.EqualTo(-1));
        buffer.Span[^1] = 1;
        Assert.That(buffer.Pointer[length - 1], Is.EqualTo(1f));
    }

    [Test]
    public void A_buffer_does_not_move()
    {
        var buffer = new PinnedBuffer([1f, 2, 3]);
        float* before = buffer.Pointer;
        for (int i = 0; i < 3; i++)
        {
            _ = new byte[100_000];
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
        }

        Assert.That(buffer.Pointer == before, Is.True);
        Assert.That(new Span<float>(before, 3).ToArray(), Is.EqualTo(new float[] { 1, 2, 3 }));
    }

    [TestCase(-1)]
    [TestCase(long.MaxValue)]
    [TestCase(int.MaxValue)]
    public void A_buffer_of_impossible_length_is_refused(long length) =>
        Assert.That(() => new PinnedBuffer(length), Throws.TypeOf<OptionException>().With.Message.Contains($"got {length}"));

    [Test]
    public void An_arena_lays_blocks_on_cache_lines_without_overlap()
    {
        var arena = new Arena();
        long[] lengths = [1, 16, 17, 0, 5];
        long[] offsets = [.. lengths.Select(arena.Reserve)];
        Assert.That(offsets, Is.EqualTo(new long[] { 0, 16, 32, 64, 64 }));
        Assert.That(arena.Length, Is.EqualTo(80));
        Assert.That(() => arena.Owner(0), Throws.InvalidOperationException);
        arena.Allocate();
        Assert.That(arena.At(32) - arena.At(0), Is.EqualTo(32));
    }

    [Test]
    public void A_tensor_is_a_view_of_the_buffer()
    {
        var buffer = new PinnedBuffer([1f, 2, 3, 4]);
        var tensor = new Tensor(buffer, [2, 2]);
        buffer.Span[3] = 9;
        Assert.That(tensor.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 9 }));
        Assert.That(() => new Tensor(buffer, [5]),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("a tensor of shape [5] needs 5 elements, the buffer has 4"));
        Assert.That(() => tensor.Item, Throws.TypeOf<ShapeException>().With.Message.Contains("[2, 2]"));
        Assert.That(default(Tensor).Span.IsEmpty, Is.True);
    }
}
