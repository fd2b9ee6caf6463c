namespace NativeBackprop.Tests.Soundness;

/// <summary>An op with the mistake that the property test exists for: its kernel writes one element too many.</summary>
public sealed record PlantedOp : Op
{
    /// <summary>Set to "op" in the environment of an exploration, it offers this op to the sequences.</summary>
    public const string Variable = "NBP_TEST_PLANTED";

    /// <summary>True when the op is to be found.</summary>
    public static bool IsWanted => Environment.GetEnvironmentVariable(Variable) == "op";

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) =>
        inputs.Length == 1 ? inputs[0] : throw new ShapeException("the planted op takes one input");

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override Kernel CreateKernel(KernelArguments arguments) => new OneTooMany(arguments.Inputs[0], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);

    private sealed unsafe class OneTooMany(Operand x, Operand y) : Kernel
    {
        public override string Call => "planted";

        public override void Run(int begin, int end, int thread)
        {
            for (int i = 0; i <= x.Length; i++)
            {
                y.Data[i] = i < x.Length ? x.Data[i] : 0;
            }
        }
    }
}
