using NativeBackprop.Layers;
using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Layers;

/// <summary>A layer as a user writes it: x + relu(x·W + b), built of a linear layer, with a count of its own.</summary>
internal sealed class ResidualBlock : Layer
{
    private readonly Linear _linear;

    public ResidualBlock(int width)
        : this(new Linear(width, width))
    {
    }

    private ResidualBlock(Linear linear)
    {
        _linear = AddChild("linear", linear);
        Count = AddBuffer("count", Shape.Scalar, isCount: true);
    }

    public Parameter Count { get; }

    public override int? InputWidthFor(int? outputWidth) => _linear.InputWidth;

    protected override Node BuildCore(Node input, BuildContext context) => input + _linear.Build(input, context.Child("linear")).Relu();

    protected override Layer CopyStructure(CloneContext context) => new ResidualBlock(context.Copy(_linear));
}
