using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// The loss of each row of an output y [.., K], of which the gradient comes from the same native call. Inputs: y, and targets t, numbers
/// of y's shape or a class index for each row, [..], where <see cref="IndexRange.NoClass"/> makes the loss 0; the result is [..].
/// </summary>
internal abstract unsafe record RowLoss : Op
{
    /// <summary>True when the targets are class indices below K.</summary>
    internal virtual bool TakesIndices => false;

    internal sealed override int Arity => 2;

    /// <summary>The native function; one of class indices takes them in place of the numbers.</summary>
    internal abstract delegate*<float*, float*, float*, nuint, nuint, float*, float*, void> Function { get; }

    internal sealed override ElementType InputType(int input) => TypeOf(input);

    internal sealed override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => inputs[0][-1];

    internal sealed override bool TakesNoClass(int input) => true;

    internal sealed override Shape InferShape(ReadOnlySpan<Shape> inputs) => Rows(inputs);

    internal sealed override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? node.Graph.Add(new RowLossGradient(this), node.Inputs[0], node.Inputs[1], dy)
        : TakesIndices ? null : TargetGradient(node, dy.Reshape(dy.Shape.Column()));

    internal sealed override Kernel CreateKernel(KernelArguments arguments) =>
        CreateKernel(arguments.Inputs[0], arguments.Inputs[1], null, arguments.Output, null);

    internal sealed override void Evaluate(ReferenceArguments arguments)
    {
        for (int r = 0; r < arguments.Output.Length; r++)
        {
            arguments.Output[r] = HasTarget(arguments, r) ? Value(Row(arguments, r), Targets(arguments, r)) : 0;
        }
    }

    /// <summary>The loss of one row in double precision; class indices come as a row of zeros with one 1.</summary>
    internal abstract double Value(ReadOnlySpan<double> y, ReadOnlySpan<double> t);

    /// <summary>The loss's derivatives with respect to a row, in double precision.</summary>
    internal abstract void Slope(ReadOnlySpan<double> y, ReadOnlySpan<double> t, Span<double> dy);

    /// <summary>The gradient of the targets, given the upstream gradient as a column.</summary>
    internal abstract Node TargetGradient(Node node, Node dl);

    /// <summary>The loss's derivatives with respect to the rows, as graph.</summary>
    internal abstract Node Slope(Node y, Node t);

    /// <summary>The gradient of ⟨slope, v⟩ with respect to y (input 0) or t (input 1), as graph.</summary>
    internal abstract Node Curvature(int input, Node y, Node t, Node v);

    /// <summary>What an input's elements are.</summary>
    internal ElementType TypeOf(int input) => input == 1 && TakesIndices ? ElementType.Int32 : ElementType.Float32;

    /// <summary>[N] for inputs that fit.</summary>
    internal Shape Rows(ReadOnlySpan<Shape> inputs)
    {
        (Shape y, Shape t) = (inputs[0], inputs[1]);
        if (y.Rank < 2 || y[-1] < 1)
        {
            throw new ShapeException($"expected an output of shape [N, K] or [N, T, K] with a number K above 0, got {y}");
        }

        Shape rows = y.Without(-1), expected = TakesIndices ? rows : y;
        return t.Equals(expected) ? rows : throw new ShapeException($"expected targets of shape {expected}, got {t}");
    }

    /// <summary>The kernel that computes the losses l, the gradient dy, or both in one pass.</summary>
    internal Kernel CreateKernel(Operand y, Operand targets, Operand? dl, Operand? l, Operand? dy)
    {
        (int rows, int columns) = y.Shape.AsMatrix();
        int width = TakesIndices ? 1 : columns;
        delegate*<float*, float*, float*, nuint, nuint, float*, float*, void> function = Function;
        return RangeKernel.OfRows($"nb_{CallName}_f32", rows, columns, (dy is null ? 1 : 2) + (TakesIndices ? 0 : 1), (first, count) =>
        {
            long at = (long)first * columns;
            function(
                y.Data + at, targets.Data + ((long)first * width), dl is { } s ? s.Data + first : null, count, (nuint)columns,
                l is { } v ? v.Data + first : null, dy is { } g ? g.Data + at : null);
        });
    }

    /// <summary>A row of the output.</summary>
    internal static ReadOnlySpan<double> Row(ReferenceArguments arguments, int row)
    {
        int columns = arguments.Shapes[0][-1];
        return arguments.Inputs[0].AsSpan(row * columns, columns);
    }

    /// <summary>False for a row whose target is no class.</summary>
    internal bool HasTarget(ReferenceArguments arguments, int row) =>
        !TakesIndices || arguments.Inputs[1][row] != IndexRange.NoClass;

    /// <summary>A row of the targets as numbers.</summary>
    internal ReadOnlySpan<double> Targets(ReferenceArguments arguments, int row)
    {
        int columns = arguments.Shapes[0][-1];
        if (!TakesIndices)
        {
            return arguments.Inputs[1].AsSpan(row * columns, columns);
        }

        var one = new double[columns];
        one[(int)arguments.Inputs[1][row]] = 1;
        return one;
    }

    /// <summary>The name between nb_ and _f32.</summary>
    private protected virtual string CallName => Name;
}

/// <summary>
/// dy = dl ⊙ ∂l/∂y for a <see cref="RowLoss"/> l. Inputs: y, targets, and the upstream gradient dl of each row's loss.
/// </summary>
internal sealed record RowLossGradient(RowLoss Loss) : Op
{
    public override string Name => $"{Loss.Name}_gradient";

    internal override int Arity => 3;

    internal override bool CanOverwrite(int input, int output) => input == 0;

    internal override ElementType InputType(int input) => Loss.TypeOf(input);

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => inputs[0][-1];

    internal override bool TakesNoClass(int input) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape rows = Loss.Rows(inputs);
        return inputs[2].Equals(rows)
            ? inputs[0]
            : throw new ShapeException($"expected an upstream gradient of shape {rows}, got {inputs[2]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node y, Node t, Node dl) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        return input == 2 ? (dy * Loss.Slope(y, t)).Sum(-1)
            : input == 1 && Loss.TakesIndices ? null
            : dl.Reshape(dl.Shape.Column()) * Loss.Curvature(input, y, t, dy);
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        Loss.CreateKernel(arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], null, arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int rows, int columns) = arguments.Shapes[0].AsMatrix();
        for (int r = 0; r < rows; r++)
        {
            Span<double> dy = arguments.Output.AsSpan(r * columns, columns);
            if (!Loss.HasTarget(arguments, r))
            {
                continue;
            }

            Loss.Slope(RowLoss.Row(arguments, r), Loss.Targets(arguments, r), dy);
            foreach (ref double d in dy)
            {
                d *= arguments.Inputs[2][r];
            }
        }
    }
}

/// <summary>
/// l = −z_t + log Σ_j exp(z_j) for class indices t; for dense targets l = Σ_j t_j (log Σ exp z − z_j). The logarithm undoes the
/// exponential, so that the gradient softmax(z)·Σt − t never saturates (lecture notes 002, softmax output units). A dense target of 0
/// contributes nothing, whatever its logit; nor does a row without a class, whatever its logits.
/// </summary>
internal sealed unsafe record SoftmaxCrossEntropyPerExample(bool Dense) : RowLoss
{
    public override string Name => "softmax_cross_entropy";

    internal override bool TakesIndices => !Dense;

    internal override delegate*<float*, float*, float*, nuint, nuint, float*, float*, void> Function
    {
        get
        {
            if (Dense)
            {
                return &Kernels.nb_softmax_cross_entropy_dense_f32;
            }

            return &OfIndices;
        }
    }

    private protected override string CallName => Dense ? "softmax_cross_entropy_dense" : Name;

    internal override double Value(ReadOnlySpan<double> y, ReadOnlySpan<double> t)
    {
        double logSum = NativeBackprop.Ops.LogSumExp.Value(y), loss = 0;
        for (int c = 0; c < y.Length; c++)
        {
            loss += t[c] == 0 ? 0 : t[c] * (logSum - y[c]);
        }

        return double.IsNaN(logSum) ? logSum : loss;
    }

    internal override void Slope(ReadOnlySpan<double> y, ReadOnlySpan<double> t, Span<double> dy)
    {
        double logSum = NativeBackprop.Ops.LogSumExp.Value(y), total = 0;
        foreach (double target in t)
        {
            total += target;
        }

        for (int c = 0; c < y.Length; c++)
        {
            dy[c] = (Math.Exp(y[c] - logSum) * total) - t[c];
        }
    }

    internal override Node TargetGradient(Node node, Node dl) =>
        dl * (node.Inputs[0].LogSumExp().Reshape(node.Shape.Column()) - node.Inputs[0]);

    internal override Node Slope(Node y, Node t) => Dense
        ? (y.Softmax() * t.Sum(-1, keepDimensions: true)) - t
        : Counted(y.Softmax() - y.Graph.Add(new OneHot(y.Shape[-1]), t), t);

    internal override Node Curvature(int input, Node y, Node t, Node v)
    {
        Node p = y.Softmax(), mean = (v * p).Sum(-1, keepDimensions: true);
        return input == 1 ? mean - v : Dense ? t.Sum(-1, keepDimensions: true) * p * (v - mean) : Counted(p * (v - mean), t);
    }

    // 0 in the rows without a class, where there may be such.
    private static Node Counted(Node x, Node t) => t.Op.IndexRange.AllowsNone
        ? x * x.Graph.Add(new OneHot(x.Shape[-1]), t).Sum(-1, keepDimensions: true)
        : x;

    private static void OfIndices(float* z, float* t, float* dl, nuint rows, nuint cols, float* l, float* dz) =>
        Kernels.nb_softmax_cross_entropy_f32(z, (int*)t, dl, rows, cols, l, dz);
}

/// <summary>
/// l = mean over a row of ζ(z) − t·z for logits z and targets t in [0, 1]: the cross-entropy between t and σ(z)
/// (lecture notes 002, sigmoid output units). Its gradient is (σ(z) − t)/K. Neither cancels or overflows for large z.
/// </summary>
internal sealed unsafe record SigmoidCrossEntropyPerExample : RowLoss
{
    public override string Name => "sigmoid_cross_entropy";

    internal override delegate*<float*, float*, float*, nuint, nuint, float*, float*, void> Function =>
        &Kernels.nb_sigmoid_cross_entropy_f32;

    internal override double Value(ReadOnlySpan<double> y, ReadOnlySpan<double> t)
    {
        double loss = 0;
        for (int c = 0; c < y.Length; c++)
        {
            loss += (Math.Abs(y[c]) * (y[c] > 0 ? 1 - t[c] : t[c])) + Precise.Log1P(Math.Exp(-Math.Abs(y[c])));
        }

        return loss / y.Length;
    }

    internal override void Slope(ReadOnlySpan<double> y, ReadOnlySpan<double> t, Span<double> dy)
    {
        for (int c = 0; c < y.Length; c++)
        {
            dy[c] = (((1 - t[c]) / (1 + Math.Exp(-y[c]))) - (t[c] / (1 + Math.Exp(y[c])))) / y.Length;
        }
    }

    internal override Node TargetGradient(Node node, Node dl) => dl * (-1f / node.Inputs[0].Shape[-1] * node.Inputs[0]);

    internal override Node Slope(Node y, Node t) => 1f / y.Shape[-1] * (y.Sigmoid() - t);

    internal override Node Curvature(int input, Node y, Node t, Node v)
    {
        Node p = y.Sigmoid();
        return 1f / y.Shape[-1] * (input == 0 ? p * (1 - p) * v : -v);
    }
}

/// <summary>
/// l = mean over a row of (y − t)²: the cross-entropy of a Gaussian of unit variance up to a constant (lecture notes 002, linear output
/// units). Its gradient is 2(y − t)/K.
/// </summary>
internal sealed unsafe record SquaredError : RowLoss
{
    internal override delegate*<float*, float*, float*, nuint, nuint, float*, float*, void> Function => &Kernels.nb_squared_error_f32;

    internal override double Value(ReadOnlySpan<double> y, ReadOnlySpan<double> t)
    {
        double loss = 0;
        for (int c = 0; c < y.Length; c++)
        {
            loss += (y[c] - t[c]) * (y[c] - t[c]);
        }

        return loss / y.Length;
    }

    internal override void Slope(ReadOnlySpan<double> y, ReadOnlySpan<double> t, Span<double> dy)
    {
        for (int c = 0; c < y.Length; c++)
        {
            dy[c] = 2 * (y[c] - t[c]) / y.Length;
        }
    }

    internal override Node TargetGradient(Node node, Node dl) =>
        node.Graph.Add(new RowLossGradient(this), node.Inputs[1], node.Inputs[0], dl.Reshape(node.Shape));

    internal override Node Slope(Node y, Node t) => 2f / y.Shape[-1] * (y - t);

    internal override Node Curvature(int input, Node y, Node t, Node v) => (input == 0 ? 2f : -2f) / y.Shape[-1] * v;
}
