namespace NativeBackprop.Ops;

/// <summary>
/// Everything about a convolution but its channels: the axes, and into how many groups the channels are divided, each of which sees only
/// its own. An input is an image [B, H, W, C] with weights [KH, KW, C/groups, O], or a signal [B, L, C] with weights [K, C/groups, O].
/// </summary>
internal sealed record ConvolutionGeometry
{
    /// <param name="y">Down the rows of an image, or along a signal.</param>
    /// <param name="x">Along a row of an image; <see cref="ConvolutionAxis.None"/> for a signal.</param>
    /// <param name="groups">How many groups of channels.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public ConvolutionGeometry(ConvolutionAxis y, ConvolutionAxis x, int groups = 1)
    {
        if ((y.Error() ?? x.Error() ?? (groups < 1 ? $"groups must be at least 1, got {groups}" : null)) is { } error)
        {
            throw new OptionException($"a convolution's {error}");
        }

        (Y, X, Groups) = (y, x, groups);
    }

    /// <summary>Down the rows of an image, or along a signal, which counts as an image of one column.</summary>
    public ConvolutionAxis Y { get; }

    /// <summary>Along a row of an image.</summary>
    public ConvolutionAxis X { get; }

    /// <summary>How many groups of channels.</summary>
    public int Groups { get; }

    /// <summary>True when every output is made of the one pixel of the input at its place: the weights are a matrix then.</summary>
    public bool IsPointwise => Groups == 1 && Y.IsPointwise && X.IsPointwise;

    /// <summary>The shape of the result.</summary>
    /// <param name="input">Images or signals.</param>
    /// <param name="weights">The weights.</param>
    /// <exception cref="ShapeException">They do not fit.</exception>
    public Shape Output(Shape input, Shape weights)
    {
        RequireRank(input, "an input");
        RequireWeights(weights, input.Rank);
        if (weights[-2] != Channels(input[-1], "input"))
        {
            throw new ShapeException(
                $"the input must have {(long)weights[-2] * Groups} channels for weights {weights} and {Groups} group(s), got {input}");
        }

        Channels(weights[-1], "output");
        Shape output = WithPlaces(input, Y.Output(Height(input)), X.Output(Width(input)), weights[-1]);
        RequireSize(input, weights);
        return output;
    }

    /// <summary>The shape of the input whose result has a shape.</summary>
    /// <param name="output">The shape of a result.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="height">The input's height, or length.</param>
    /// <param name="width">The input's width; 1 for a signal.</param>
    /// <exception cref="ShapeException">They do not fit.</exception>
    public Shape Input(Shape output, Shape weights, int height, int width)
    {
        RequireRank(output, "a result");
        RequireWeights(weights, output.Rank);
        Shape input = WithPlaces(output, height, width, checked(weights[-2] * Groups));
        return Output(input, weights).Equals(output)
            ? input
            : throw new ShapeException($"a convolution of {input} with weights {weights} gives {Output(input, weights)}, not {output}");
    }

    /// <summary>The shape of the weights between an input and its result.</summary>
    /// <exception cref="ShapeException">They do not fit.</exception>
    public Shape Weights(Shape input, Shape output)
    {
        RequireRank(input, "an input");
        RequireRank(output, "a result");
        Shape weights = input.Rank == 4
            ? [Y.Kernel, X.Kernel, Channels(input[-1], "input"), output[-1]]
            : [Y.Kernel, Channels(input[-1], "input"), output[-1]];
        return Output(input, weights).Equals(output)
            ? weights
            : throw new ShapeException($"a convolution of {input} with weights {weights} gives {Output(input, weights)}, not {output}");
    }

    /// <summary>The rows of images, or the length of signals.</summary>
    public static int Height(Shape shape) => shape[1];

    /// <summary>The columns of images; 1 of signals.</summary>
    public static int Width(Shape shape) => shape.Rank == 4 ? shape[2] : 1;

    /// <summary>Goes over every product of the plain definition.</summary>
    /// <param name="input">The input's shape, the batch filled in.</param>
    /// <param name="output">The result's shape.</param>
    /// <param name="body">Gets the positions of an element of the input, of the weights and of the result that it adds to.</param>
    public void ForEachProduct(Shape input, Shape output, Action<int, int, int> body)
    {
        (int height, int width, int channels, int outputs) = (Height(input), Width(input), input[-1], output[-1]);
        (int rows, int columns, int group, int outputGroup) = (Height(output), Width(output), channels / Groups, outputs / Groups);
        for (int image = 0; image < input[0]; image++)
        {
            for (int place = 0; place < rows * columns; place++)
            {
                for (int tap = 0; tap < Y.Kernel * X.Kernel; tap++)
                {
                    int y = (place / columns * Y.Stride) - Y.Before + (tap / X.Kernel * Y.Dilation);
                    int x = (place % columns * X.Stride) - X.Before + (tap % X.Kernel * X.Dilation);
                    for (int o = 0; o < outputs && y >= 0 && y < height && x >= 0 && x < width; o++)
                    {
                        for (int c = 0; c < group; c++)
                        {
                            int from = (((((image * height) + y) * width) + x) * channels) + (o / outputGroup * group) + c;
                            body(from, (((tap * group) + c) * outputs) + o, (((image * rows * columns) + place) * outputs) + o);
                        }
                    }
                }
            }
        }
    }

    private static Shape WithPlaces(Shape shape, int height, int width, int channels) =>
        (shape.Rank == 4 ? shape.With(2, width) : shape).With(1, height).With(-1, channels);

    private void RequireRank(Shape shape, string what)
    {
        bool isSignal = shape.Rank == 3 && X == ConvolutionAxis.None;
        if ((shape.Rank != 4 && !isSignal) || shape.Extents[1..].ContainsAnyInRange(int.MinValue, -1))
        {
            string signals = X == ConvolutionAxis.None ? " or signals [B, L, C]" : "";
            throw new ShapeException($"expected {what} of images [B, H, W, C]{signals}, got {shape}");
        }
    }

    private void RequireWeights(Shape weights, int rank)
    {
        bool fits = weights.Rank == rank && !weights.IsSymbolic && weights[0] == Y.Kernel && (rank == 3 || weights[1] == X.Kernel);
        if (!fits)
        {
            string kernel = rank == 4 ? $"{Y.Kernel}, {X.Kernel}" : $"{Y.Kernel}";
            throw new ShapeException($"expected weights [{kernel}, channels/groups, outputs], got {weights}");
        }
    }

    private int Channels(int channels, string what) => channels % Groups == 0
        ? channels / Groups
        : throw new ShapeException($"{Groups} groups do not divide {channels} {what} channels");

    // Offsets into one image with its zeros are 32-bit.
    private void RequireSize(Shape input, Shape weights)
    {
        Int128 places = (Int128)(Y.Padded(Height(input)) + Y.Span) * (X.Padded(Width(input)) + X.Span);
        if (places * Math.Max(1, Math.Max(input[-1], weights[-1])) > int.MaxValue)
        {
            throw new ShapeException($"the input {input} with its zeros has more than {int.MaxValue} elements");
        }
    }
}
