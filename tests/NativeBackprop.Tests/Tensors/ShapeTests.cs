using NUnit.Framework;

namespace NativeBackprop.Tests.Tensors;

[TestFixture]
public sealed class ShapeTests
{
    [Test]
    public void Shape_IsComparedByValue_AndPrintsItself()
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
    public void Spread_GivesTheExtents()
    {
        Shape shape = [7, 5];
        Shape wider = [Shape.Batch, .. shape, 1];
        Assert.That(wider.ToString(), Is.EqualTo("[B, 7, 5, 1]"));
        Shape symbolic = [.. wider, 2];
        Assert.That(symbolic.ToString(), Is.EqualTo("[B, 7, 5, 1, 2]"));
    }

    [Test]
    public void Length_CountsElements_AndNeedsABatchSize()
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

    [Test]
    public void Create_RefusesNegativeExtents() =>
        Assert.That(() => Shape.Create([2, -2]), Throws.TypeOf<ShapeException>().With.Message.Contains("-2"));

    [TestCase(new[] { 2, 3 }, new[] { 3 }, "[2, 3]")]
    [TestCase(new[] { 2, 1 }, new[] { 1, 3 }, "[2, 3]")]
    [TestCase(new int[0], new[] { 4 }, "[4]")]
    [TestCase(new[] { -1, 1 }, new[] { 5 }, "[B, 5]")]
    [TestCase(new[] { -1 }, new[] { -1 }, "[B]")]
    [TestCase(new[] { 0 }, new[] { 1 }, "[0]")]
    public void Broadcast_IsNumpys(int[] a, int[] b, string expected)
    {
        Assert.That(Shape.Broadcast([.. a], [.. b]).ToString(), Is.EqualTo(expected));
        Assert.That(Shape.Broadcast([.. b], [.. a]).ToString(), Is.EqualTo(expected));
    }

    [Test]
    public void Broadcast_OfWhatDoesNotFit_NamesBothShapes() =>
        Assert.That(() => Shape.Broadcast([2, Shape.Batch], [3]),
            Throws.TypeOf<ShapeException>().With.Message.Contains("[2, B] and [3]").And.Message.Contains("extents B and 3"));

    [Test]
    public void WithWithoutStrides()
    {
        Shape shape = [2, 3, 4];
        Assert.That(shape.With(-1, 9).ToString(), Is.EqualTo("[2, 3, 9]"));
        Assert.That(shape.Without(1).ToString(), Is.EqualTo("[2, 4]"));
        Assert.That(shape.Strides(), Is.EqualTo(new[] { 12, 4, 1 }));
        Assert.That(shape.ToString(), Is.EqualTo("[2, 3, 4]"));
    }
}
