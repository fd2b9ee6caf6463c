using NativeBackprop.Optimizers;

namespace NativeBackprop.Cli;

/// <summary>The optimizers by the names that the command line has for them, with PyTorch's defaults.</summary>
/// <remarks>
/// PyTorch wants a learning rate for gradient descent (its later versions assume 0.001, which hardly moves a small network
/// in a few epochs); 0.05 is ours.
/// </remarks>
/// <param name="Name">The name.</param>
/// <param name="LearningRate">η when <c>--lr</c> is not given.</param>
/// <param name="WeightDecay">λ when <c>--weight-decay</c> is not given.</param>
/// <param name="Create">Makes the optimizer from η and λ.</param>
internal sealed record OptimizerChoice(string Name, float LearningRate, float WeightDecay, Func<float, float, Optimizer> Create)
{
    private const float Momentum = 0.9f;

    public static IReadOnlyList<OptimizerChoice> All { get; } =
    [
        new("sgd", 0.05f, 0, (rate, decay) => new Sgd(rate, weightDecay: decay)),
        new("momentum", 0.05f, 0, (rate, decay) => new Sgd(rate, Momentum, decay)),
        new("nesterov", 0.05f, 0, (rate, decay) => new Sgd(rate, Momentum, decay, nesterov: true)),
        new("adagrad", 0.01f, 0, (rate, decay) => new AdaGrad(rate, weightDecay: decay)),
        new("rmsprop", 0.01f, 0, (rate, decay) => new RmsProp(rate, weightDecay: decay)),
        new("adam", 0.001f, 0, (rate, decay) => new Adam(rate, weightDecay: decay)),
        new("adamw", 0.001f, 0.01f, (rate, decay) => new AdamW(rate, weightDecay: decay)),
    ];

    public static string[] Names => [.. All.Select(choice => choice.Name)];

    public static OptimizerChoice Find(string name) => All.First(choice => choice.Name == name);
}
