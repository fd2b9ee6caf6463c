using System.Text;

namespace NativeBackprop;

/// <summary>Something that a plan can run: a graph op, or a fusion of several.</summary>
public abstract record Operation
{
    /// <summary>The name in snake_case, as plans, pictures and errors print it.</summary>
    public virtual string Name => SnakeCase(GetType().Name);

    /// <summary>
    /// True when output 0 is the memory of input 0 under another shape, and no kernel is needed.
    /// </summary>
    public virtual bool IsView => false;

    /// <summary>True when an output may be written to the memory of an input that nobody needs afterwards.</summary>
    public virtual bool CanOverwrite(int input, int output) => false;

    /// <summary>True when the input's memory is updated in place (a parameter, an optimizer's state).</summary>
    public virtual bool Updates(int input) => false;

    /// <summary>Makes the kernel for operands of resolved shapes.</summary>
    public abstract Kernel CreateKernel(KernelArguments arguments);

    internal static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}

/// <summary>
/// A graph op: its shape rule, its forward kernel, its gradient as more graph, and its double-precision reference.
/// Immutable and compared by value: the same op on the same inputs is the same node.
/// </summary>
public abstract record Op : Operation
{
    /// <summary>False for leaves and for anything whose result is not determined by its inputs.</summary>
    public virtual bool IsPure => true;

    /// <summary>What the elements of the result are.</summary>
    public virtual ElementType ElementType => ElementType.Float32;

    /// <summary>What the elements of an input have to be.</summary>
    public virtual ElementType InputType(int input) => ElementType.Float32;

    /// <summary>The shape of the result.</summary>
    /// <exception cref="ShapeException">The inputs do not fit; the message says what was expected.</exception>
    public abstract Shape InferShape(ReadOnlySpan<Shape> inputs);

    /// <summary>
    /// The vector-Jacobian product for one input: the gradient of a scalar with respect to <c>node.Inputs[input]</c>,
    /// given its gradient <paramref name="dy"/> with respect to <paramref name="node"/>. Linear in dy. Null when it is zero everywhere.
    /// </summary>
    public abstract Node? Gradient(Node node, int input, Node dy);

    /// <summary>Computes the op in double precision, in plain C#, sharing no code with the kernels.</summary>
    public abstract void Evaluate(ReferenceArguments arguments);
}
