namespace NativeBackprop.Ops;

/// <summary>
/// y = x ∗ w, the sum over each patch of x times the weights, which is a product of patches with a matrix: images [B, H, W, C] and
/// weights [KH, KW, C/groups, O] to [B, OH, OW, O], or signals [B, L, C] and weights [K, C/groups, O] to [B, OL, O]. It is what deep
/// learning calls a convolution, without a flip of the weights (Goodfellow et al. 2016, chapter 9). Linear in x and in w.
/// </summary>
internal sealed record Convolution(ConvolutionGeometry Geometry) : Op
{
    internal override int Arity => 2;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => byRow[0] && !byRow[1];

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Geometry.Output(inputs[0], inputs[1]);

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node x = node.Inputs[0], w = node.Inputs[1];
        return input == 0
            ? dy.Graph.Add(ConvolutionInputGradient.For(Geometry, x.Shape), dy, w)
            : dy.Graph.Add(new ConvolutionWeightGradient(Geometry), x, dy);
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => new ConvolutionKernel(
        PatchProduct.Forward(Geometry, arguments.Inputs[0].Shape, arguments.Output.Shape),
        arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] w, double[] y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        Geometry.ForEachProduct(arguments.Shapes[0], arguments.OutputShape, (i, j, k) => y[k] += x[i] * w[j]);
    }
}

/// <summary>
/// dx of a <see cref="Convolution"/> of an input of some height and width, from dy and w: each element of dy goes back to its patch, times
/// the weights. The forward pass of a transposed convolution is the same. Linear in dy and in w.
/// </summary>
internal sealed record ConvolutionInputGradient(ConvolutionGeometry Geometry, int Height, int Width) : Op
{
    internal override int Arity => 2;

    /// <summary>For an input of a shape.</summary>
    public static ConvolutionInputGradient For(ConvolutionGeometry geometry, Shape input) =>
        new(geometry, ConvolutionGeometry.Height(input), ConvolutionGeometry.Width(input));

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => byRow[0] && !byRow[1];

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Geometry.Input(inputs[0], inputs[1], Height, Width);

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? dy.Graph.Add(new Convolution(Geometry), dy, node.Inputs[1])
        : dy.Graph.Add(new ConvolutionWeightGradient(Geometry), dy, node.Inputs[0]);

    internal override Kernel CreateKernel(KernelArguments arguments) => new ConvolutionKernel(
        PatchProduct.Backward(Geometry, arguments.Output.Shape, arguments.Inputs[0].Shape),
        arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] w, double[] dx) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        Geometry.ForEachProduct(arguments.OutputShape, arguments.Shapes[0], (i, j, k) => dx[i] += dy[k] * w[j]);
    }
}

/// <summary>
/// dw of a <see cref="Convolution"/>, from x and dy: the product of the transposed patches with dy, over all pixels of the batch. Linear in
/// x and in dy.
/// </summary>
internal sealed record ConvolutionWeightGradient(ConvolutionGeometry Geometry) : Op
{
    internal override int Arity => 2;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Geometry.Weights(inputs[0], inputs[1]);

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? dy.Graph.Add(ConvolutionInputGradient.For(Geometry, node.Inputs[0].Shape), node.Inputs[1], dy)
        : dy.Graph.Add(new Convolution(Geometry), node.Inputs[0], dy);

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new WeightGradientKernel(Geometry, arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] dy, double[] dw) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        Geometry.ForEachProduct(arguments.Shapes[0], arguments.Shapes[1], (i, j, k) => dw[j] += x[i] * dy[k]);
    }
}

/// <summary>A product over patches and nothing else. Inputs source and weights.</summary>
internal sealed unsafe class ConvolutionKernel : Kernel
{
    private readonly PatchProduct _product;
    private readonly Operand _source, _weights, _result;

    public ConvolutionKernel(PatchProduct product, Operand source, Operand weights, Operand result)
    {
        (_product, _source, _weights, _result) = (product, source, weights, result);
        (Units, Flops, WorkspacePerThread) = (product.Units, product.Flops, product.Workspace);
        Bytes = sizeof(float) * ((long)source.Length + weights.Length + result.Length);
    }

    public override string Call => _product.Call;

    public override void Run(int begin, int end, int thread) =>
        _product.Run(_source.Data, _weights.Data, 0, _result.Data, begin, end, WorkspaceOf(thread), null);
}
