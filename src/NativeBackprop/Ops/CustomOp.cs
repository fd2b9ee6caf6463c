namespace NativeBackprop.Ops;

/// <summary>
/// An op written by a user in C#: a shape rule, and Forward and Backward over spans (lecture notes 001, the forward and backward API).
/// It goes into a graph like any other: <c>graph.Add(new MultiplyGate(), x, y)</c>. Forward and Backward must depend on their arguments
/// alone, and may run on any one thread of a plan. What they throw comes out of the plan's run as a <see cref="GraphException"/> that
/// names the node, with the exception as the inner one. There is no second derivative: compose the ops of this library where one is needed.
/// </summary>
/// <remarks>
/// The double-precision reference runs the float code on rounded values unless the overloads for <see cref="double"/> are overridden too;
/// a gradient check by differences needs those.
/// <para>Thread safety: as that of the class derived. Plans that hold the op may call it from any thread, several at once.</para>
/// </remarks>
public abstract class CustomOp
{
    /// <summary>The name in snake_case, as plans, pictures and errors print it.</summary>
    public virtual string Name => Operation.SnakeCase(GetType().Name);

    /// <summary>
    /// True when row i of the result depends on row i alone of every input that has a row for each example. A predictor may then pad a
    /// batch with rows that nobody reads; unless the op says so, it makes a plan for every batch size.
    /// </summary>
    public virtual bool KeepsRowsApart => false;

    /// <summary>Makes the user's op an op of a graph.</summary>
    public static implicit operator Op(CustomOp function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new CustomForward(function);
    }

    /// <summary>The shape of the result. Called when the graph is built and again for every plan, with the batch size filled in.</summary>
    /// <exception cref="ShapeException">The inputs do not fit; the message says what was expected.</exception>
    public abstract Shape InferShape(ReadOnlySpan<Shape> inputs);

    /// <summary>Computes the result; every element must be written.</summary>
    /// <param name="inputs">The inputs, row-major.</param>
    /// <param name="output">Receives the result, in the shape of the shape rule.</param>
    public abstract void Forward(CustomInputs<float> inputs, Span<float> output);

    /// <summary>
    /// Computes the gradient of a scalar with respect to one input from its gradient with respect to the output; every element must be
    /// written.
    /// </summary>
    /// <param name="input">Which input.</param>
    /// <param name="inputs">The inputs of the forward pass.</param>
    /// <param name="output">The result of the forward pass.</param>
    /// <param name="outputGradient">The gradient with respect to the output.</param>
    /// <param name="inputGradient">Receives the gradient with respect to the input, of the input's shape.</param>
    public abstract void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient);

    /// <summary>Computes the result in double precision, for references; by default through the float code.</summary>
    /// <param name="inputs">The inputs.</param>
    /// <param name="output">Receives the result.</param>
    public virtual void Forward(CustomInputs<double> inputs, Span<double> output)
    {
        float[] rounded = new float[output.Length];
        Forward(inputs.Round(), rounded);
        Widen(rounded, output);
    }

    /// <summary>Computes an input's gradient in double precision, for references; by default through the float code.</summary>
    /// <param name="input">Which input.</param>
    /// <param name="inputs">The inputs of the forward pass.</param>
    /// <param name="output">The result of the forward pass.</param>
    /// <param name="outputGradient">The gradient with respect to the output.</param>
    /// <param name="inputGradient">Receives the gradient with respect to the input.</param>
    public virtual void Backward(
        int input,
        CustomInputs<double> inputs,
        ReadOnlySpan<double> output,
        ReadOnlySpan<double> outputGradient,
        Span<double> inputGradient)
    {
        float[] rounded = new float[inputGradient.Length];
        Backward(input, inputs.Round(), CustomInputs<double>.Round(output), CustomInputs<double>.Round(outputGradient), rounded);
        Widen(rounded, inputGradient);
    }

    /// <summary>The name, whatever the user's code does.</summary>
    /// <exception cref="GraphException">It failed, or gave null.</exception>
    internal string CheckedName => UserCode.Call("the name of a custom op", static op => op.Name, this)
        ?? throw new GraphException($"the name of a custom op of type {GetType().Name} is null");

    /// <summary>The user's shape rule, with its result checked.</summary>
    internal Shape CheckedShape(ReadOnlySpan<Shape> inputs)
    {
        Shape? shape;
        try
        {
            shape = InferShape(inputs);
        }
        catch (Exception error) when (UserCode.IsForeign(error))
        {
            throw new GraphException($"{CheckedName}: the shape rule failed: {error.GetType().Name}: {error.Message}", error);
        }

        if (shape is null)
        {
            throw new ShapeException($"{CheckedName}: the shape rule gave null");
        }

        foreach (Shape input in inputs)
        {
            if (input.IsSymbolic)
            {
                return shape;
            }
        }

        return shape.IsSymbolic
            ? throw new ShapeException($"{CheckedName}: the shape rule gave {shape}, which depends on the batch size, while no input does")
            : shape;
    }

    /// <summary>What a caller is told when the user's code throws in a reference evaluation.</summary>
    internal GraphException Failed(Exception error) => new($"{CheckedName}: {Failure(error)}", error);

    /// <summary>What the user's code threw, as messages say it.</summary>
    internal static string Failure(Exception error) => $"the custom op failed: {error.GetType().Name}: {error.Message}";

    private static void Widen(float[] values, Span<double> output)
    {
        for (int i = 0; i < values.Length; i++)
        {
            output[i] = values[i];
        }
    }
}

/// <summary>The result of a user's op.</summary>
internal sealed record CustomForward(CustomOp Function) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) =>
        UserCode.Call($"{Name}: {nameof(KeepsRowsApart)}", static function => function.KeepsRowsApart, Function);

    /// <summary>The same op, as the user's class may say it.</summary>
    public bool Equals(CustomForward? other) => other is not null && AreSame(Function, other.Function);

    public override int GetHashCode() => Hash(Function);

    /// <summary>The user's own equality.</summary>
    /// <exception cref="GraphException">It failed.</exception>
    public static bool AreSame(CustomOp one, CustomOp other) => one == other
        || UserCode.Call($"{one.GetType().Name}.{nameof(Equals)}", one.Equals, (object)other);

    /// <summary>The user's own hash code.</summary>
    /// <exception cref="GraphException">It failed.</exception>
    public static int Hash(CustomOp function) =>
        UserCode.Call($"{function.GetType().Name}.{nameof(GetHashCode)}", static function => function.GetHashCode(), function);

    public override string Name => Function.CheckedName;

    internal override bool CanFault => true;

    internal override int Arity => AnyNumber;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Function.CheckedShape(inputs);

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new CustomBackward(Function, input), [.. node.Inputs, node, dy]);

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        Operand output = arguments.Output;
        Shape[] shapes = [.. arguments.Inputs.ToArray().Select(operand => operand.Shape)];
        Shape shape = Function.CheckedShape(shapes);
        return shape.Equals(output.Shape)
            ? new CustomKernel(Name, arguments.Inputs, shapes, output, (inputs, y) => Function.Forward(inputs, y))
            : throw new ShapeException(
                $"{Name}: the shape rule gave {output.Shape} for the graph, "
                + $"and {shape} for the plan's inputs {string.Join(", ", shapes.AsEnumerable())}");
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        try
        {
            Function.Forward(new CustomInputs<double>(arguments.Inputs, arguments.Shapes), arguments.Output);
        }
        catch (Exception error)
        {
            throw Function.Failed(error);
        }
    }
}

/// <summary>The gradient of one input of a user's op. Inputs: those of the op, its result, and the upstream gradient.</summary>
internal sealed record CustomBackward(CustomOp Function, int Input) : Op
{
    public override string Name => $"{Function.CheckedName}_gradient";

    public bool Equals(CustomBackward? other) =>
        other is not null && Input == other.Input && CustomForward.AreSame(Function, other.Function);

    public override int GetHashCode() => HashCode.Combine(CustomForward.Hash(Function), Input);


    internal override bool CanFault => true;

    internal override int Arity => AnyNumber;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[Input];

    internal override Node? Gradient(Node node, int input, Node dy) => throw new GraphException(
        $"{node}: the custom op {node.Inputs[^2]} has no second derivative, and no forward mode that rests on it; "
        + "compose it from the library's ops");

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        int count = arguments.Inputs.Length - 2;
        (Operand y, Operand dy) = (arguments.Inputs[^2], arguments.Inputs[^1]);
        Shape[] shapes = [.. arguments.Inputs[..count].ToArray().Select(operand => operand.Shape)];
        void Run(CustomInputs<float> inputs, Span<float> dx) => Function.Backward(Input, inputs, y.Span, dy.Span, dx);
        return new CustomKernel(Name, arguments.Inputs[..count], shapes, arguments.Output, Run);
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int count = arguments.Inputs.Length - 2;
        var inputs = new CustomInputs<double>(arguments.Inputs[..count], arguments.Shapes);
        try
        {
            Function.Backward(Input, inputs, arguments.Inputs[^2], arguments.Inputs[^1], arguments.Output);
        }
        catch (Exception error)
        {
            throw Function.Failed(error);
        }
    }
}

/// <summary>Calls a user's code and keeps what it throws, for the plan to report under the node's name.</summary>
internal sealed class CustomKernel : Kernel
{
    private readonly Operand[] _inputs;
    private readonly Shape[] _shapes;
    private readonly Operand _output;
    private readonly CustomAction _action;

    public CustomKernel(string call, ReadOnlySpan<Operand> inputs, Shape[] shapes, Operand output, CustomAction action)
    {
        (Call, _inputs, _shapes, _output, _action) = (call, inputs.ToArray(), shapes, output, action);
        Bytes = sizeof(float) * (_inputs.Sum(input => (long)input.Length) + output.Length);
    }

    public delegate void CustomAction(CustomInputs<float> inputs, Span<float> output);

    public override string Call { get; }

    public override void Run(int begin, int end, int thread)
    {
        try
        {
            _action(new CustomInputs<float>(_inputs, _shapes), _output.Span);
        }
        catch (Exception error)
        {
            Report(new Fault(CustomOp.Failure(error), error));
        }
    }
}
