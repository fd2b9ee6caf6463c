using NUnit.Framework;

namespace NativeBackprop.Tests.Tensors;

[TestFixture]
public sealed class ShapeTests
{
    [Test]
    public void A_shape_is_compared_by_value_and_prints_itself()
    {
        Shape shape = [2, Shape.Batch, 3], same = [2, Shape.Batch, 3];
        Assert.That(shape, Is.EqualTo(same));
        Assert.That(shape, Is.Not.EqualTo(Shape.Create([2, Shape.Batch])));
        Assert.That(shape, Is.Not.EqualTo(Shape.Create([2, 3, Shape.Batch])));
        Assert.That(shape.GetHashCode(), Is.EqualTo(same.GetHashCode()));
        Assert.That(shape.ToString(), Is.EqualTo("[2, B, 3]"));
        Assert.That(Shape.Scalar.ToString(), Is.EqualTo("[]"));
        Assert.That((shape.Rank, shape[0], shape[-1]), Is.EqualTo((3, 2, 3)));
    }

    [Test]
    public void Spreading_a_shape_gives_its_extents()
    {
        Shape shape = [7, 5];
        Shape wider = [Shape.Batch, .. shape, 1];
        Assert.That(wider.ToString(), Is.EqualTo("[B, 7, 5, 1]"));
        Shape symbolic = [.. wider, 2];
        Assert.That(symbolic.ToString(), Is.EqualTo("[B, 7, 5, 1, 2]"));
    }

    [Test]
    public void The_length_counts_elements_and_needs_a_batch_size()
    {
        Assert.That(Shape.Scalar.Length, Is.EqualTo(1));
        Assert.That(Shape.Create([2, 0, 3]).Length, Is.Zero);
        Shape open = [Shape.Batch, 4];
        Assert.That(() => open.Length, Throws.TypeOf<ShapeException>().With.Message.Contains("[B, 4]"));
        Assert.That(() => open.Strides(), Throws.TypeOf<ShapeException>().With.Message.Contains("[B, 4]"));
        Assert.That(open.Resolve(3).Length, Is.EqualTo(12));
        Assert.That(() => Shape.Create([65536, 65536]).Length, Throws.TypeOf<ShapeException>().With.Message.Contains("[65536, 65536]"));
        Assert.That(Shape.Create([Shape.Batch, 4, Shape.Batch]).Count(), Is.EqualTo((4L, 2)));
    }

    [TestCase(-2)]
    [TestCase(-5)]
    [TestCase(-1000000)]
    [TestCase(int.MinValue)]
    [TestCase(int.MinValue + 1)]
    public void A_negative_extent_is_refused(int extent)
    {
        Assert.That(() => Shape.Create([2, extent]), Throws.TypeOf<ShapeException>().With.Message.Contains($"{extent}"));
        Assert.That(() => Shape.Create([2, 3]).With(1, extent), Throws.TypeOf<ShapeException>().With.Message.Contains($"{extent}"));
    }

    [Test]
    public void An_extent_is_a_number_or_a_multiple_of_the_batch_size()
    {
        Shape steps = [Shape.Batches(3), 4], whole = [3, Shape.Batch, 4];
        Assert.That(steps.ToString(), Is.EqualTo("[3·B, 4]"));
        Assert.That(steps.IsSymbolic, Is.True);
        Assert.That(steps.Resolve(5), Is.EqualTo(Shape.Create([15, 4])));
        Assert.That(steps.Count(), Is.EqualTo((12L, 1)).And.EqualTo(whole.Count()));
        Assert.That((Shape.Batches(0), Shape.Batches(1)), Is.EqualTo((0, Shape.Batch)));
        Assert.That(whole.Product(0, 2), Is.EqualTo(Shape.Batches(3)));
        Assert.That(Shape.Create([Shape.Batches(2), 3, 5]).Product(0, 3), Is.EqualTo(Shape.Batches(30)));
        Assert.That(Shape.Create([2, 3, 5]).Product(1, 2), Is.EqualTo(15));
        Assert.That(Shape.Broadcast(steps, [1, 4]), Is.EqualTo(steps));
        Assert.That(() => Shape.Broadcast(steps, [Shape.Batch, 4]), Throws.TypeOf<ShapeException>().With.Message.Contains("3·B and B"));
        Assert.That(() => Shape.Create([Shape.Batch, Shape.Batch]).Product(0, 2), Throws.TypeOf<ShapeException>());
        Assert.That(() => Shape.Batches(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => Shape.Batches(int.MaxValue), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => Shape.Create([Shape.Batches(1 << 20)]).Resolve(1 << 12), Throws.TypeOf<ShapeException>());
        Assert.That(() => steps.Resolve(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(3)]
    [TestCase(-4)]
    [TestCase(int.MinValue)]
    public void A_dimension_that_is_not_there_is_an_argument_out_of_range(int dimension)
    {
        Shape shape = [2, 3, 4];
        Assert.That(() => shape[dimension], Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("[2, 3, 4]"));
        Assert.That(() => shape.With(dimension, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => shape.Without(dimension), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void What_is_too_large_to_count_is_refused_even_where_a_dimension_is_empty()
    {
        Shape large = [int.MaxValue, int.MaxValue, int.MaxValue], empty = [int.MaxValue, int.MaxValue, 0];
        Assert.That(() => large.Count(), Throws.TypeOf<ShapeException>());
        Assert.That(() => large.Length, Throws.TypeOf<ShapeException>());
        Assert.That(() => large.Strides(), Throws.TypeOf<ShapeException>());
        Assert.That(() => empty.Length, Throws.TypeOf<ShapeException>());
        Assert.That(empty.Count(), Is.EqualTo((0L, 0)));
        Assert.That(Shape.Create([0, Shape.Batch]).Count(), Is.EqualTo((0L, 0)));
    }

    [TestCase(new[] { 2, 3 }, new[] { 3 }, "[2, 3]")]
    [TestCase(new[] { 2, 1 }, new[] { 1, 3 }, "[2, 3]")]
    [TestCase(new int[0], new[] { 4 }, "[4]")]
    [TestCase(new[] { -1, 1 }, new[] { 5 }, "[B, 5]")]
    [TestCase(new[] { -1 }, new[] { -1 }, "[B]")]
    [TestCase(new[] { 0 }, new[] { 1 }, "[0]")]
    public void Broadcasting_is_that_of_NumPy(int[] a, int[] b, string expected)
    {
        Assert.That(Shape.Broadcast([.. a], [.. b]).ToString(), Is.EqualTo(expected));
        Assert.That(Shape.Broadcast([.. b], [.. a]).ToString(), Is.EqualTo(expected));
    }

    [Test]
    public void Broadcasting_what_does_not_fit_names_both_shapes() =>
        Assert.That(() => Shape.Broadcast([2, Shape.Batch], [3]),
            Throws.TypeOf<ShapeException>().With.Message.Contains("[2, B] and [3]").And.Message.Contains("extents B and 3"));

    [Test]
    public void Extents_are_replaced_left_out_and_counted_in_strides()
    {
        Shape shape = [2, 3, 4];
        Assert.That(shape.With(-1, 9).ToString(), Is.EqualTo("[2, 3, 9]"));
        Assert.That(shape.Without(1).ToString(), Is.EqualTo("[2, 4]"));
        Assert.That(shape.Strides(), Is.EqualTo(new[] { 12, 4, 1 }));
        Assert.That(shape.ToString(), Is.EqualTo("[2, 3, 4]"));
    }
}
