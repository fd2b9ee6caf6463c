using NativeBackprop;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

// A block of one's own stands twice in a model: one set of weights, trained by the gradients of both places.
var block = new ResidualBlock(8);
var model = new Sequential(new Linear(2, 8), block, block, new Linear(8, 1));
ParameterSet parameters = model.Parameters;
bool isShared = parameters["1.linear.weight"] == parameters["2.linear.weight"];
Console.WriteLine($"{parameters.Count} parameters under {parameters.Entries.Count} names, {parameters.Size} numbers; shared: {isShared}");

float[] inputs = [0, 0, 0, 1, 1, 0, 1, 1], targets = [0, 1, 1, 0];          // XOR
using var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.02f), new TrainerOptions { Seed = 1 });
float first = trainer.Step(inputs, targets), last = first;
for (int step = 2; step <= 300; step++)
{
    last = trainer.Step(inputs, targets);
}

Console.WriteLine($"loss {first:0.000} at first, {last:0.000} after 300 steps");

// x + relu(x·W + b): what it is made of is added in the constructor, how it is connected is said in BuildCore.
internal sealed class ResidualBlock : Layer
{
    private readonly Linear _linear;

    public ResidualBlock(int width)
        : this(new Linear(width, width))
    {
    }

    private ResidualBlock(Linear linear) => _linear = AddChild("linear", linear);

    public override int? InputWidthFor(int? outputWidth) => _linear.InputWidth;

    protected override Node BuildCore(Node input, BuildContext context) => input + _linear.Build(input, context.Child("linear")).Relu();

    // For Clone: a block of copies.
    protected override Layer CopyStructure(CloneContext context) => new ResidualBlock(context.Copy(_linear));
}
