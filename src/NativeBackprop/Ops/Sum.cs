using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>The sum over adjacent axes. Its gradient is broadcast back: every term gets dy.</summary>
internal sealed record Sum(int Axis, int Axes, bool KeepDimensions = false) : Reduction(Axis, Axes, KeepDimensions)
{
    internal override Node? Gradient(Node node, int input, Node dy) =>
        Restore(dy, node.Inputs[0].Shape).BroadcastTo(node.Inputs[0].Shape);

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (int outer, int reduce, int inner) = Split(arguments.Inputs[0].Shape);
        return new SumKernel(arguments.Inputs[0], outer, reduce, inner, 1, arguments.Output);
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        ForEach(arguments.Shapes[0], (result, first, count, stride) =>
        {
            for (int i = 0; i < count; i++)
            {
                y[result] += x[first + (i * stride)];
            }
        });
    }
}

/// <summary>y = scale · Σ x over the middle of [outer, reduce, inner].</summary>
internal sealed unsafe class SumKernel : Kernel
{
    private readonly Operand _x, _y;
    private readonly int _outer, _reduce, _inner;
    private readonly float _scale;

    public SumKernel(Operand x, int outer, int reduce, int inner, float scale, Operand y)
    {
        (_x, _outer, _reduce, _inner, _scale, _y) = (x, outer, reduce, inner, scale, y);
        (Units, Grain) = outer != 1 ? (outer, 1) : (inner, PinnedBuffer.AlignmentInFloats);
        (Flops, Bytes) = (x.Length, sizeof(float) * ((long)x.Length + y.Length));
    }

    public override string Call => "nb_sum_f32";

    public override void Run(int begin, int end, int thread)
    {
        (nuint reduce, nuint inner, nuint count) = ((nuint)_reduce, (nuint)_inner, (nuint)(end - begin));
        float* y = _outer != 1 ? _y.Data + ((long)begin * _inner) : _y.Data + begin;
        nuint n;
        if (_outer != 1)
        {
            Kernels.nb_sum_f32(_x.Data + ((long)begin * _reduce * _inner), count, reduce, inner, inner, y);
            n = count * inner;
        }
        else
        {
            Kernels.nb_sum_f32(_x.Data + begin, 1, reduce, count, inner, y);
            n = count;
        }

        if (_scale != 1 && n == 1)
        {
            *y *= _scale;
        }
        else if (_scale != 1)
        {
            Kernels.nb_scale_forward_f32(y, null, 1, n, n, _scale, y);
        }
    }
}
