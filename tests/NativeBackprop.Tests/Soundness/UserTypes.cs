using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Tests.Soundness;

/// <summary>An op that a user wrote: it multiplies its inputs, and misbehaves as <see cref="UserCode"/> says.</summary>
public sealed class UserOp : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        UserCode.Act();
        return inputs.Length > 0 ? inputs[0] : Shape.Scalar;
    }

    public override void Forward(CustomInputs<float> inputs, Span<float> output)
    {
        UserCode.Act();
        output.Fill(1);
        for (int input = 0; input < inputs.Count; input++)
        {
            _ = inputs.Shape(input).Rank;
            for (int i = 0; i < output.Length; i++)
            {
                output[i] *= inputs[input][i % Math.Max(1, inputs[input].Length)];
            }
        }
    }

    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient)
    {
        UserCode.Act();
        inputGradient.Clear();
        inputGradient[Math.Min(input, inputGradient.Length)..].Fill(0.5f);
    }
}

/// <summary>An op that reads and writes where it has nothing.</summary>
public sealed class CarelessOp : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs.Length == 0 ? null! : inputs[^1];

    public override void Forward(CustomInputs<float> inputs, Span<float> output) => output[output.Length] = inputs[inputs.Count][0];

    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient) =>
        inputGradient.Fill(inputs.Shape(-1).Rank);
}

/// <summary>A layer that a user wrote of other layers and of parameters of its own.</summary>
public sealed class UserLayer : Layer
{
    private readonly Linear _inner;
    private readonly Parameter _scale, _calls;

    public UserLayer()
    {
        _inner = AddChild("inner", new Linear(3, 3));
        _scale = AddParameter("scale", [3], new UserInitializer());
        _calls = AddBuffer("calls", [], isCount: true);
    }

    protected override Node BuildCore(Node input, BuildContext context)
    {
        UserCode.Act();
        Node once = _inner.Build(input, context.Child("once"));
        return _inner.Build(once, context.Child("twice")) * input.Graph.Variable(_scale) + input.Graph.Variable(_calls);
    }

    protected override Layer CopyStructure(CloneContext context)
    {
        UserCode.Act();
        return new UserLayer();
    }
}

/// <summary>A layer that keeps to no rule.</summary>
public sealed class CarelessLayer : Layer
{
    protected override Node BuildCore(Node input, BuildContext context) =>
        context.Path.Length % 2 == 0 ? null! : new Graph().Input("elsewhere", [Shape.Batch, 3]);

    protected override Layer CopyStructure(CloneContext context) => null!;
}

/// <summary>A loss that a user wrote.</summary>
public sealed class UserLoss : Loss
{
    public override bool IsClassifier => false;

    public override Node PerExample(Node output, Node targets)
    {
        UserCode.Act();
        return (output - targets).Square().Sum(axis: 1);
    }
}

/// <summary>A penalty that a user wrote.</summary>
public sealed record UserPenalty : Regularizer
{
    public override Node Penalty(Node parameter)
    {
        UserCode.Act();
        return parameter.Sum();
    }
}

/// <summary>First values that a user draws.</summary>
public sealed record UserInitializer : Initializer
{
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        UserCode.Act();
        values.Fill(random.NextInt(2) == 0 ? 0.5f : float.NaN);
    }
}

/// <summary>A schedule that a user wrote.</summary>
public sealed record UserSchedule : LearningRateSchedule
{
    public override double Factor(long step)
    {
        UserCode.Act();
        return step % 3 == 2 ? double.NaN : 0.5;
    }
}

/// <summary>What a user does to gradients: one of them gets lost.</summary>
public sealed record UserTransform : GradientTransform
{
    public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients)
    {
        UserCode.Act();
        return gradients.Count > 2 ? [.. gradients.Skip(1)] : gradients;
    }
}

/// <summary>A matrix that a user multiplies by.</summary>
public sealed class UserMatrix : KrylovOperator
{
    public override int Size => 3;

    public override void Apply(ReadOnlySpan<double> v, Span<double> product)
    {
        UserCode.Act();
        v.CopyTo(product);
    }
}
