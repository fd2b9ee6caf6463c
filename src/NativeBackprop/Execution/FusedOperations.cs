using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// y = f(product + b). Inputs: the product's, and maybe b; outputs y and, when the derivative reads it, z. Without function and bias it
/// is the product that accumulates.
/// </summary>
internal sealed record AffineActivation(ProductTerm Term, Elementwise Function, bool HasBias, bool SavesInput) : Operation
{
    public override string Name =>
        $"{Term.Name}{(HasBias ? "_bias" : "")}{(Function.Row == Functions.Identity ? "" : $"_{Function.Name}")}";

    internal override bool CanOverwrite(int input, int output) => Term.HasAddend && input == 2 && output == (SavesInput ? 1 : 0);

    internal override Kernel CreateKernel(KernelArguments arguments) => new FusedKernel(this, arguments);

    private sealed unsafe class FusedKernel : Kernel
    {
        private readonly ProductPart _product;
        private readonly Elementwise? _function;
        private readonly Operand _bias, _y, _z;
        private readonly bool _hasBias, _savesInput;
        private readonly Action<Slab>? _finish;

        public FusedKernel(AffineActivation operation, KernelArguments arguments)
        {
            (_hasBias, _savesInput, _y) = (operation.HasBias, operation.SavesInput, arguments.Output);
            _function = operation.Function.Row == Functions.Identity && !_hasBias ? null : operation.Function;
            _bias = _hasBias ? arguments.Inputs[^1] : default;
            _z = _savesInput ? arguments.Outputs[1] : _y;
            _finish = _function is null ? null : Finish;
            _product = ProductPart.Create(operation.Term, arguments, _z);
            (Units, Grain, Bytes) = (_product.Units, _product.Grain, _product.Bytes);
            WorkspacePerThread = _product.Workspace;
            Flops = _product.Flops + (2L * _y.Length);
        }

        public override string Call => _function is null ? _product.Call : $"{_product.Call}, nb_{_function.Name}_forward_f32";

        public override void Run(int begin, int end, int thread) => _product.Run(begin, end, WorkspaceOf(thread), _finish);

        private void Finish(Slab slab)
        {
            float* z = _z.Data + slab.Start, y = _y.Data + slab.Start, bias = _hasBias ? _bias.Data + slab.Column : null;
            if (_savesInput)
            {
                // The derivative reads z + b, so that is what has to be kept.
                if (bias != null)
                {
                    Interop.Kernels.nb_identity_forward_f32(z, bias, slab.Rows, slab.Columns, slab.Stride, z);
                }

                _function!.Forward(z, null, slab.Rows, slab.Columns, slab.Stride, y);
            }
            else
            {
                _function!.Forward(z, bias, slab.Rows, slab.Columns, slab.Stride, y);
            }
        }
    }
}

/// <summary>
/// dz = product ⊙ f′(s), the gradient passed through a product and an activation. Inputs: the product's, and s; outputs dz and, of a
/// product of matrices, maybe db = Σ_rows dz.
/// </summary>
internal sealed record ProductActivationGradient(ProductTerm Term, Elementwise Function, bool HasBiasSum) : Operation
{
    public override string Name => $"{Term.Name}_{Function.Name}_gradient{(HasBiasSum ? "_bias_sum" : "")}";

    internal override bool CanOverwrite(int input, int output) => Term.HasAddend && input == 2 && output == 0;

    internal override Kernel CreateKernel(KernelArguments arguments) => new FusedKernel(this, arguments);

    private sealed unsafe class FusedKernel : Kernel
    {
        private readonly ProductPart _product;
        private readonly Elementwise _function;
        private readonly Operand _s, _dz, _db;
        private readonly bool _hasBiasSum;
        private readonly Action<Slab> _finish;

        public FusedKernel(ProductActivationGradient operation, KernelArguments arguments)
        {
            (_function, _hasBiasSum) = (operation.Function, operation.HasBiasSum);
            (_s, _dz) = (arguments.Inputs[^1], arguments.Output);
            _db = _hasBiasSum ? arguments.Outputs[1] : default;

            // A sum over the rows needs all of them in one hand, so the columns are what is split between threads.
            _product = ProductPart.Create(operation.Term, arguments, _dz, byColumns: _hasBiasSum);
            _finish = Finish;
            (Units, Grain, WorkspacePerThread) = (_product.Units, _product.Grain, _product.Workspace);
            Bytes = _product.Bytes + (sizeof(float) * (long)_s.Length);
            Flops = _product.Flops + (2L * _dz.Length);
        }

        public override string Call => $"{_product.Call}, nb_{_function.Name}_backward_f32";

        public override void Run(int begin, int end, int thread) => _product.Run(begin, end, WorkspaceOf(thread), _finish);

        private void Finish(Slab slab)
        {
            float* dz = _dz.Data + slab.Start, db = _hasBiasSum ? _db.Data + slab.Column : null;
            _function.Backward(dz, _s.Data + slab.Start, slab.Rows, slab.Columns, slab.Stride, dz, db);
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
        (Operand dy, Operand s) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand dz, Operand db) = (arguments.Outputs[0], arguments.Outputs[1]);
        (int rows, int columns) = dy.Shape.AsMatrix();
        return RangeKernel.OfColumns($"nb_{Function.Name}_backward_f32", rows, columns, 3, (begin, count) =>
            Function.Backward(dy.Data + begin, s.Data + begin, (nuint)rows, count, (nuint)columns, dz.Data + begin, db.Data + begin));
    }
}

/// <summary>
/// A loss and its gradient in one pass. Inputs: output, targets, upstream gradient; outputs: loss of each example, gradient of the output.
/// </summary>
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
            _gemm = new Gemm(operation.Product.TransposeA, operation.Product.TransposeB, _a.Shape, _b.Shape, arguments.Products);
            (Units, Grain, Flops, Bytes) = (_gemm.Units, _gemm.Grain, _gemm.Flops, _gemm.Bytes + (sizeof(float) * (long)_w.Length));
            WorkspacePerThread = _gemm.Workspace;
        }

        public override string Call => $"{_gemm.Call} alpha=-eta beta=1-eta*lambda";

        public override void Run(int begin, int end, int thread)
        {
            float rate = *_rate.Data;
            _gemm.Run(-rate, _a.Data, _b.Data, 1 - (rate * _decay), _w.Data, begin, end, WorkspaceOf(thread));
        }
    }
}
