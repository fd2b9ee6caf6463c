using System.Text;

namespace NativeBackprop;

/// <summary>
/// Something that a plan can run: a graph op, or a fusion of several. Only this library makes them; a user's own is a
/// <see cref="Ops.CustomOp"/>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public abstract record Operation
{
    private protected Operation()
    {
    }

    /// <summary>The name in snake_case, as plans, pictures and errors print it.</summary>
    public virtual string Name => SnakeCase(GetType().Name);

    /// <summary>
    /// True when output 0 is a range of the memory of input 0 under another shape, and no kernel is needed.
    /// </summary>
    internal virtual bool IsView => false;

    /// <summary>
    /// Where a view starts in the memory of input 0, in elements; the shape is the input's, with the batch size filled in.
    /// </summary>
    internal virtual int ViewStart(Shape input) => 0;

    /// <summary>True when an output may be written to the memory of an input that nobody needs afterwards.</summary>
    internal virtual bool CanOverwrite(int input, int output) => false;

    /// <summary>True when the input's memory is updated in place (a parameter, an optimizer's state).</summary>
    internal virtual bool Updates(int input) => false;

    /// <summary>True when a run can find that it has no result: a value outside a domain, a user's code that throws.</summary>
    internal virtual bool CanFault => false;

    /// <summary>Makes the kernel for operands of resolved shapes.</summary>
    internal abstract Kernel CreateKernel(KernelArguments arguments);

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
/// Immutable and compared by value: the same op on the same inputs is the same node. Ops are made by this library alone; a user's own
/// is a <see cref="Ops.CustomOp"/>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public abstract record Op : Operation
{
    /// <summary>The <see cref="Arity"/> of an op with as many inputs as one likes.</summary>
    internal const int AnyNumber = -1;

    private protected Op()
    {
    }

    /// <summary>True for the leaf that stands for a <see cref="Parameter"/>, which updates change.</summary>
    internal virtual bool IsVariable => false;

    /// <summary>
    /// True when the result is the memory of input 0 and, if that is a variable's, shows what the variable holds wherever it is used: a
    /// view, or the result of an update in place.
    /// </summary>
    internal virtual bool IsTransparent => IsView;

    /// <summary>False for leaves and for anything whose result is not determined by its inputs.</summary>
    internal virtual bool IsPure => true;

    /// <summary>How many inputs the op takes; <see cref="AnyNumber"/> when its shape rule decides.</summary>
    internal virtual int Arity => 1;

    /// <summary>What the elements of the result are.</summary>
    internal virtual ElementType ElementType => ElementType.Float32;

    /// <summary>What the elements of an input have to be.</summary>
    internal virtual ElementType InputType(int input) => ElementType.Float32;

    /// <summary>For a result of class indices: where they lie, which is checked whenever they are bound.</summary>
    internal virtual IndexRange IndexRange => throw Refusal.InvalidOperation($"{Name} gives numbers, not class indices");

    /// <summary>One more than the largest class index of a result.</summary>
    internal int IndexBound => IndexRange.Bound;

    /// <summary>
    /// For an input of class indices: how many classes the other inputs' shapes leave room for. An index at or beyond it would make the
    /// kernel leave its memory, so the graph holds it against the <see cref="IndexRange"/> of what the indices come from.
    /// </summary>
    internal virtual int IndexLimit(int input, ReadOnlySpan<Shape> inputs) =>
        throw Refusal.InvalidOperation($"{Name} takes no class indices");

    /// <summary>
    /// What the rows of the result are; null where it has none. By default what its shape says, and a signal where an operand is one.
    /// </summary>
    internal virtual RowKind? KindOf(ReadOnlySpan<Node> inputs, Shape shape)
    {
        RowKind cube = RowKind.Sequence;
        foreach (Node input in inputs)
        {
            cube = input.Kind == RowKind.Signal ? RowKind.Signal : cube;
        }

        return (ElementType, shape.Rank) switch
        {
            (ElementType.Int32, 2) => RowKind.Indices,
            (ElementType.Float32, 2) => RowKind.Features,
            (ElementType.Float32, 3) => cube,
            (ElementType.Float32, 4) => RowKind.Image,
            _ => null,
        };
    }

    /// <summary>For an input of class indices: true when <see cref="IndexRange.NoClass"/> has a meaning.</summary>
    internal virtual bool TakesNoClass(int input) => false;

    /// <summary>The shape of the result.</summary>
    /// <exception cref="ShapeException">The inputs do not fit; the message says what was expected.</exception>
    internal abstract Shape InferShape(ReadOnlySpan<Shape> inputs);

    /// <summary>
    /// The vector-Jacobian product for one input: the gradient of a scalar with respect to <c>node.Inputs[input]</c>,
    /// given its gradient <paramref name="dy"/> with respect to <paramref name="node"/>. Linear in dy. Null when it is zero everywhere.
    /// </summary>
    internal abstract Node? Gradient(Node node, int input, Node dy);

    /// <summary>
    /// True when row i of the result depends, along the leading axis, on row i alone of those inputs that have a row for each example. A
    /// batch may then be padded with rows that nobody reads.
    /// </summary>
    /// <param name="node">A node of this op, whose leading extent is the batch.</param>
    /// <param name="byRow">Which inputs have a row for each example; the others have nothing to do with the batch.</param>
    internal virtual bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => false;

    /// <summary>True when broadcasting puts the rows of all inputs that have some at the leading axis of the result.</summary>
    private protected static bool AlignsRows(Node node, ReadOnlySpan<bool> byRow)
    {
        for (int i = 0; i < byRow.Length; i++)
        {
            if (byRow[i] && node.Inputs[i].Shape.Rank != node.Shape.Rank)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Computes the op in double precision, in plain C#, sharing no code with the kernels.</summary>
    internal abstract void Evaluate(ReferenceArguments arguments);
}
