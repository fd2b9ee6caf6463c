using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>What layers refuse, and what a user's failing code becomes.</summary>
[TestFixture]
internal sealed class LayerRefusalTests
{
    [Test]
    public void A_buffer_cannot_be_a_parameter_too()
    {
        Parameter buffer = new ResidualBlock(2).Buffers[0];
        Assert.That(() => new Sharing(buffer), Throws.TypeOf<OptionException>().With.Message.Contains("is a buffer"));
        Assert.That(new Sharing(new Linear(1, 1).Parameters[0]).Parameters.Count, Is.EqualTo(1));
    }

    [Test]
    public void A_copy_that_is_made_of_itself_is_refused()
    {
        Assert.That(
            () => new Sequential(new Circular()).Clone(),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains(nameof(Circular)));
    }

    [TestCase(-1f)]
    [TestCase(0.5f)]
    [TestCase(3e8f)]
    public void A_buffer_of_counts_takes_counts_only(float value)
    {
        Parameter count = new ResidualBlock(2).Buffers[0];
        count.Set([5]);
        Assert.That(() => count.Set([value]), Throws.TypeOf<DataException>().With.Message.Contains("expected a count"));
        Assert.That(count.Value[0], Is.EqualTo(5));
    }

    [Test]
    public void An_input_width_that_fails_is_an_inner_exception()
    {
        Assert.That(
            () => new Sequential(new Measureless()).InputWidth,
            Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
    }

    [TestCase(true)]
    [TestCase(false)]
    public void What_a_custom_op_throws_about_itself_is_an_inner_exception(bool inName)
    {
        Assert.That(
            () => new Sequential(new Linear(2, 2), new Wrapped(new Secretive(inName))).Initialized().CreatePredictor(4).Dispose(),
            Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
    }

    private sealed class Sharing : Layer
    {
        public Sharing(Parameter parameter) => AddParameter("shared", parameter);

        protected override Node BuildCore(Node input, BuildContext context) => input;
    }

    private sealed class Circular : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => input;

        protected override Layer CopyStructure(CloneContext context) => context.Copy(this);
    }

    private sealed class Measureless : Layer
    {
        public override int? InputWidthFor(int? outputWidth) => throw new FormatException("no width");

        protected override Node BuildCore(Node input, BuildContext context) => input;
    }

    private sealed class Wrapped(CustomOp op) : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => context.Graph.Add(op, input);
    }

    private sealed class Secretive(bool inName) : CustomOp
    {
        public override string Name => inName ? throw new FormatException("no name") : "secretive";

        public override bool KeepsRowsApart => inName ? true : throw new FormatException("no answer");

        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => inputs[0].CopyTo(output);

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) => outputGradient.CopyTo(inputGradient);
    }
}
