using System.Numerics;

namespace NativeBackprop.Ops;

/// <summary>y = f(x) over the flat elements.</summary>
internal sealed unsafe class ElementwiseKernel : Kernel
{
    private readonly Elementwise _function;
    private readonly Operand _x, _y;

    public ElementwiseKernel(Elementwise function, Operand x, Operand y)
    {
        (_function, _x, _y) = (function, x, y);
        (Units, Grain) = (x.Length, PinnedBuffer.AlignmentInFloats);
        (Flops, Bytes) = (x.Length, 2L * sizeof(float) * x.Length);
    }

    public override string Call => $"nb_{_function.Name}_forward_f32";

    public override void Run(int begin, int end, int thread)
    {
        nuint n = (nuint)(end - begin);
        _function.Forward(_x.Data + begin, null, 1, n, n, _y.Data + begin);
    }
}

/// <summary>y = f(x) for a function that is not defined everywhere; remembers an argument outside its domain.</summary>
internal sealed unsafe class DomainKernel : Kernel
{
    private readonly Elementwise _function;
    private readonly Operand _x;
    private readonly ElementwiseKernel _kernel;

    public DomainKernel(Elementwise function, Operand x, Operand y)
    {
        (_function, _x, _kernel) = (function, x, new ElementwiseKernel(function, x, y));
        (Units, Grain, Flops, Bytes) = (_kernel.Units, _kernel.Grain, _kernel.Flops, _kernel.Bytes);
    }

    public override string Call => _kernel.Call;

    // Every domain is x ≥ 0; NaN is passed on. A vector at a time, and then its elements where there is one.
    private static int FirstNegative(ReadOnlySpan<float> x)
    {
        int i = 0;
        while (i <= x.Length - Vector<float>.Count && !Vector.LessThanAny(new Vector<float>(x[i..]), Vector<float>.Zero))
        {
            i += Vector<float>.Count;
        }

        int found = x[i..].IndexOfAnyInRange(float.NegativeInfinity, -float.Epsilon);
        return found < 0 ? -1 : i + found;
    }

    public override void Run(int begin, int end, int thread)
    {
        // Looked at first, because the result may overwrite the argument.
        int at = FirstNegative(_x.Span[begin..end]);
        if (at >= 0)
        {
            Report(new Fault($"{_function.Name} needs {_function.Domain}, got {_x.Data[begin + at]} at element {begin + at}"));
        }

        _kernel.Run(begin, end, thread);
    }
}

/// <summary>dz = dy ⊙ f′(s) over the flat elements.</summary>
internal sealed unsafe class ElementwiseGradientKernel : Kernel
{
    private readonly Elementwise _function;
    private readonly Operand _dy, _s, _dz;

    public ElementwiseGradientKernel(Elementwise function, Operand dy, Operand s, Operand dz)
    {
        (_function, _dy, _s, _dz) = (function, dy, s, dz);
        (Units, Grain) = (dy.Length, PinnedBuffer.AlignmentInFloats);
        (Flops, Bytes) = (2L * dy.Length, 3L * sizeof(float) * dy.Length);
    }

    public override string Call => $"nb_{_function.Name}_backward_f32";

    public override void Run(int begin, int end, int thread)
    {
        nuint n = (nuint)(end - begin);
        _function.Backward(_dy.Data + begin, _s.Data + begin, 1, n, n, _dz.Data + begin, null);
    }
}
