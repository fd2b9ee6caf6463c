namespace NativeBackprop.Ops;

/// <summary>
/// What a convolution does along one axis: place i of the result is made of the places i·Stride + j·Dilation of the input with its zeros
/// around, for j below Kernel.
/// </summary>
/// <param name="Kernel">Places that the kernel has.</param>
/// <param name="Stride">From one patch to the next.</param>
/// <param name="Before">Zeros put before the input.</param>
/// <param name="After">Zeros put after the input; so many places are left out there where it is negative.</param>
/// <param name="Dilation">From one place of a patch to the next.</param>
internal readonly record struct ConvolutionAxis(int Kernel, int Stride = 1, int Before = 0, int After = 0, int Dilation = 1)
{
    /// <summary>What a signal has along the axis that only images have.</summary>
    public static readonly ConvolutionAxis None = new(1);

    /// <summary>How many places of the input a patch reaches over.</summary>
    public long Span => ((Kernel - 1L) * Dilation) + 1;

    /// <summary>True when every place of the result is made of the same place of the input alone.</summary>
    public bool IsPointwise => Kernel == 1 && Stride == 1 && Before == 0 && After == 0;

    /// <summary>The smallest input whose result has a number of places.</summary>
    /// <exception cref="ShapeException">There is none.</exception>
    public int Input(int output)
    {
        long input = ((output - 1L) * Stride) + Span - Before - After;
        return input is >= 1 and <= int.MaxValue
            ? (int)input
            : throw new ShapeException($"from {output} places it would make a result of {input}, with a padding of {Before} cut off");
    }

    /// <summary>How many places the result has.</summary>
    /// <exception cref="ShapeException">The kernel is larger than the input with its zeros.</exception>
    public int Output(int input)
    {
        long padded = Padded(input);
        if (Span > padded)
        {
            string spread = Dilation == 1 ? "" : $", {Span} wide with a dilation of {Dilation},";
            throw new ShapeException($"a kernel of {Kernel}{spread} is larger than its input of {padded}{Zeros(input)}");
        }

        long output = ((padded - Span) / Stride) + 1;
        return output <= int.MaxValue ? (int)output : throw new ShapeException($"a result of {output} places is too large");
    }

    /// <summary>The input with its zeros.</summary>
    public long Padded(int input) => (long)input + Before + After;

    /// <summary>Whether the values mean anything, and why not.</summary>
    public string? Error() =>
        Kernel < 1 ? $"a kernel must be at least 1, got {Kernel}"
        : Stride < 1 ? $"a stride must be at least 1, got {Stride}"
        : Before < 0 ? $"a padding must be at least 0, got {Before}"
        : Dilation < 1 ? $"a dilation must be at least 1, got {Dilation}"
        : null;

    private string Zeros(int input) => Before == 0 && After == 0 ? "" : $" (with {Before} + {After} zeros around {input})";
}
