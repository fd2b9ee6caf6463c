using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>y = f(op(A)·op(B) + b). Inputs A, B and maybe b; outputs y and, when the derivative reads it, z.</summary>
internal sealed record AffineActivation(MatMul Product, Elementwise Function, bool HasBias, bool SavesInput) : Operation
{
    public override string Name => $"matmul{(HasBias ? "_bias" : "")}{(Function.Row == Functions.Identity ? "" : $"_{Function.Name}")}";

    internal override Kernel CreateKernel(KernelArguments arguments) => new FusedKernel(this, arguments);

    private sealed unsafe class FusedKernel : Kernel
    {
        private readonly Gemm _gemm;
        private readonly Elementwise _function;
        private readonly Operand _a, _b, _bias, _y, _z;
        private readonly bool _hasBias, _savesInput;

        public FusedKernel(AffineActivation operation, KernelArguments arguments)
        {
            (_function, _hasBias, _savesInput) = (operation.Function, operation.HasBias, operation.SavesInput);
            (_a, _b, _y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
            _bias = _hasBias ? arguments.Inputs[2] : default;
            _z = _savesInput ? arguments.Outputs[1] : _y;
            _gemm = new Gemm(operation.Product.TransposeA, operation.Product.TransposeB, _a.Shape, _b.Shape);
            (Units, Grain, Bytes) = (_gemm.Units, _gemm.Grain, _gemm.Bytes);
            Flops = _gemm.Flops + (2L * _y.Length);
        }

        public override string Call => $"{_gemm.Call}, nb_{_function.Name}_forward_f32";

        public override void Run(int begin, int end, int thread)
        {
            _gemm.Run(1, _a.Data, _b.Data, 0, _z.Data, begin, end);
            Slab slab = Slab.Of(_gemm, begin, end);
            float* z = _z.Data + slab.Start, y = _y.Data + slab.Start, bias = _hasBias ? _bias.Data + slab.Column : null;
            if (_savesInput)
            {
                // The derivative reads z + b, so that is what has to be kept.
                if (bias != null)
                {
                    Interop.Kernels.nb_identity_forward_f32(z, bias, slab.Rows, slab.Columns, slab.Stride, z);
                }

                _function.Forward(z, null, slab.Rows, slab.Columns, slab.Stride, y);
            }
            else
            {
                _function.Forward(z, bias, slab.Rows, slab.Columns, slab.Stride, y);
            }
        }
    }
}

/// <summary>dz = (op(A)·op(B)) ⊙ f′(s), the gradient passed through a product and an activation. Inputs A, B, s; outputs dz and maybe db = Σ_rows dz.</summary>
internal sealed record MatMulActivationGradient(MatMul Product, Elementwise Function, bool HasBiasSum) : Operation
{
    public override string Name => $"matmul_{Function.Name}_gradient{(HasBiasSum ? "_bias_sum" : "")}";

    internal override Kernel CreateKernel(KernelArguments arguments) => new FusedKernel(this, arguments);

    private sealed unsafe class FusedKernel : Kernel
    {
        private readonly Gemm _gemm;
        private readonly Elementwise _function;
        private readonly Operand _a, _b, _s, _dz, _db;
        private readonly bool _hasBiasSum;

        public FusedKernel(MatMulActivationGradient operation, KernelArguments arguments)
        {
            (_function, _hasBiasSum) = (operation.Function, operation.HasBiasSum);
            (_a, _b, _s, _dz) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Output);
            _db = _hasBiasSum ? arguments.Outputs[1] : default;

            // A sum over the rows needs all of them in one hand, so the columns are what threads share.
            var gemm = new Gemm(operation.Product.TransposeA, operation.Product.TransposeB, _a.Shape, _b.Shape);
            _gemm = _hasBiasSum && !gemm.SplitsColumns ? gemm.ByColumns() : gemm;
            (Units, Grain, Bytes) = (_gemm.Units, _gemm.Grain, _gemm.Bytes + (sizeof(float) * (long)_s.Length));
            Flops = _gemm.Flops + (2L * _dz.Length);
        }

        public override string Call => $"{_gemm.Call}, nb_{_function.Name}_backward_f32";

        public override void Run(int begin, int end, int thread)
        {
            _gemm.Run(1, _a.Data, _b.Data, 0, _dz.Data, begin, end);
            Slab slab = Slab.Of(_gemm, begin, end);
            float* dz = _dz.Data + slab.Start;
            _function.Backward(dz, _s.Data + slab.Start, slab.Rows, slab.Columns, slab.Stride, dz, _hasBiasSum ? _db.Data + slab.Column : null);
        }
    }
}

/// <summary>dz = dy ⊙ f′(s) and db = Σ_rows dz in one pass. Inputs dy, s.</summary>
internal sealed record ActivationGradientBiasSum(Elementwise Function) : Operation
{
    public override string Name => $"{Function.Name}_gradient_bias_sum";

    internal override bool CanOverwrite(int input, int output) => output == 0;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand s, Operand dz, Operand db) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Outputs[0], arguments.Outputs[1]);
        (nuint rows, nuint columns) = ((nuint)dy.Shape[0], (nuint)dy.Shape[1]);
        return new ColumnKernel($"nb_{Function.Name}_backward_f32", dy.Shape[0], dy.Shape[1], 3, (begin, count) =>
            Function.Backward(dy.Data + begin, s.Data + begin, rows, count, columns, dz.Data + begin, db.Data + begin));
    }
}

/// <summary>A loss and its gradient in one pass. Inputs: output, targets, upstream gradient; outputs: loss of each example, gradient of the output.</summary>
internal sealed record LossWithGradient(RowLoss Loss) : Operation
{
    public override string Name => $"{Loss.Name}_with_gradient";

    internal override bool CanOverwrite(int input, int output) => input == 0 && output == 1;

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand y, Operand targets, Operand dl) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        return Loss.CreateKernel(y, targets, dl, arguments.Outputs[0], arguments.Outputs[1]);
    }
}

/// <summary>
/// W ← (1 − ηλ)·W − η·op(A)·op(B): gradient descent inside the product that makes the gradient. Inputs A, B, W, η; output W.
/// </summary>
internal sealed record MatMulSgd(MatMul Product, float WeightDecay) : Operation
{
    public override string Name => "matmul_sgd_update";

    internal override bool Updates(int input) => input == 2;

    internal override Kernel CreateKernel(KernelArguments arguments) => new FusedKernel(this, arguments);

    private sealed unsafe class FusedKernel : Kernel
    {
        private readonly Gemm _gemm;
        private readonly Operand _a, _b, _w, _rate;
        private readonly float _decay;

        public FusedKernel(MatMulSgd operation, KernelArguments arguments)
        {
            (_a, _b, _w, _rate) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Inputs[3]);
            _decay = operation.WeightDecay;
            _gemm = new Gemm(operation.Product.TransposeA, operation.Product.TransposeB, _a.Shape, _b.Shape);
            (Units, Grain, Flops, Bytes) = (_gemm.Units, _gemm.Grain, _gemm.Flops, _gemm.Bytes + (sizeof(float) * (long)_w.Length));
        }

        public override string Call => $"{_gemm.Call} alpha=-eta beta=1-eta*lambda";

        public override void Run(int begin, int end, int thread)
        {
            float rate = *_rate.Data;
            _gemm.Run(-rate, _a.Data, _b.Data, 1 - (rate * _decay), _w.Data, begin, end);
        }
    }
}

/// <summary>A native call on a range of columns of a matrix.</summary>
internal sealed class ColumnKernel : Kernel
{
    private readonly string _call;
    private readonly ColumnAction _run;

    public ColumnKernel(string call, int rows, int columns, int operands, ColumnAction run)
    {
        (_call, _run, Units, Grain) = (call, run, columns, PinnedBuffer.AlignmentInFloats);
        (Flops, Bytes) = (2L * rows * columns, (long)operands * sizeof(float) * rows * columns);
    }

    public delegate void ColumnAction(int begin, nuint count);

    public override string Call => _call;

    public override void Run(int begin, int end, int thread) => _run(begin, (nuint)(end - begin));
}

/// <summary>The part of a product's result that one thread computes, as an elementwise kernel sees it.</summary>
internal readonly record struct Slab(long Start, int Column, nuint Rows, nuint Columns, nuint Stride)
{
    public static Slab Of(Gemm gemm, int begin, int end) => gemm.SplitsColumns
        ? new(begin, begin, (nuint)gemm.Rows, (nuint)(end - begin), (nuint)gemm.Columns)
        : new((long)begin * gemm.Columns, 0, (nuint)(end - begin), (nuint)gemm.Columns, (nuint)gemm.Columns);
}
