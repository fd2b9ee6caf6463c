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

    public override bool CanFault => true;

    public override void Run(int begin, int end, int thread)
    {
        // Looked at first, because the result may overwrite the argument.
        float* x = _x.Data;
        for (int i = begin; i < end; i++)
        {
            if (!_function.Accepts(x[i]))
            {
                Report(new Fault($"{_function.Name} needs {_function.Domain}, got {x[i]} at element {i}"));
                break;
            }
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
