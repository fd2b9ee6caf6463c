namespace NativeBackprop;

/// <summary>
/// Writes to a variable what an effect has computed in the arena, where no later step can fault. Inputs: the new value, the variable;
/// output: the variable.
/// </summary>
internal sealed record Commit : Operation
{
    internal override bool Updates(int input) => input == 1;

    internal override Kernel CreateKernel(KernelArguments arguments) => Copy.CreateKernel(arguments.Inputs[0], arguments.Output);
}
