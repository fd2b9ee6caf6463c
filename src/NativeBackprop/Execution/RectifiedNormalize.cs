using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// y = max(0, normalisation of x) in one pass, by the statistics of the batch or by running ones. Inputs: those of the normalisation.
/// </summary>
internal sealed record RectifiedNormalize(Op Normalization) : Operation
{
    public override string Name => $"{Normalization.Name}_relu";

    internal override bool CanOverwrite(int input, int output) => Normalization.CanOverwrite(input, output);

    internal override Kernel CreateKernel(KernelArguments arguments) => Normalization switch
    {
        BatchNormalize byBatch => byBatch.CreateKernel(arguments, rectifies: true),
        Normalize running => running.CreateKernel(arguments, rectifies: true),
        _ => throw Refusal.InvalidOperation($"{Normalization.Name} cannot be rectified in one pass"),
    };
}

/// <summary>
/// <see cref="BatchNormalizeSums"/> of a dy that goes back through the rectifier of a <see cref="RectifiedNormalize"/>, whose derivative
/// is found from x again. Inputs: dy, x, s, weight, bias.
/// </summary>
internal sealed record RectifiedNormalizeSums(BatchNormalizeSums Sums) : Operation
{
    internal override Kernel CreateKernel(KernelArguments arguments) =>
        Sums.CreateKernel(arguments, arguments.Inputs[3], arguments.Inputs[4]);
}

/// <summary>
/// <see cref="BatchNormalizeGradient"/> of a dy that goes back through the rectifier of a <see cref="RectifiedNormalize"/>. Inputs: dy, x,
/// s, sums, weight, bias.
/// </summary>
internal sealed record RectifiedNormalizeGradient(BatchNormalizeGradient Gradient) : Operation
{
    internal override bool CanOverwrite(int input, int output) => Gradient.CanOverwrite(input, output);

    internal override Kernel CreateKernel(KernelArguments arguments) => Gradient.CreateKernel(arguments, arguments.Inputs[5]);
}
