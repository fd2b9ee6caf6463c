using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Rewriting rules that replace neighbouring steps by one that passes over the memory once. Each rule looks at one
/// step, and either leaves the program alone or puts a fused step where one of its parts stood.
/// </summary>
internal sealed class Fusion
{
    private readonly List<PlanStep> _steps;

    // What is updated in place, and where in the order of creation.
    private readonly List<(PlanValue Memory, int Order)> _updates = [];

    private Fusion(PlanProgram program)
    {
        _steps = program.Steps;
        foreach (PlanStep step in _steps)
        {
            for (int i = 0; i < step.Inputs.Length; i++)
            {
                if (step.Operation.Updates(i))
                {
                    _updates.Add((step.Inputs[i].Memory, step.Order));
                }
            }
        }
    }

    public static void Rewrite(PlanProgram program)
    {
        var fusion = new Fusion(program);
        fusion.ForEach<MatMul>(fusion.FuseAffineActivation);
        fusion.ForEach<ElementwiseGradient>(fusion.FuseActivationGradient);
        fusion.ForEach<RowLoss>(fusion.FuseLoss);
        fusion.ForEach<SgdUpdate>(fusion.FuseSgd);
        fusion._steps.RemoveAll(step => step.IsReplaced);
    }

    // matmul → + bias → activation
    private void FuseAffineActivation(PlanStep product, MatMul matMul)
    {
        PlanValue z = product.Outputs[0];
        PlanStep last = product;
        PlanValue? bias = null;
        if (OnlyConsumer(z) is { } add && add.Operation == Binary.Add && BiasOf(add, z) is { } found && CanMove(product, add))
        {
            (last, bias, z) = (add, found, add.Outputs[0]);
        }

        PlanStep? activation = z.Consumers.Find(step => IsActivation(step.Operation) && step.Outputs[0].Shape.Rank == 2);
        if (activation is null && bias is null)
        {
            return;
        }

        PlanValue[] inputs = bias is null ? product.Inputs : [.. product.Inputs, bias];
        if (activation is not { Operation: Elementwise function })
        {
            Replace(last, new AffineActivation(matMul, Functions.Identity.Create(), true, false), inputs, [z], product);
            return;
        }

        bool savesInput = z.Consumers.Count > 1 || z.IsOutput || z.IsShared;
        if (savesInput && function.Saved != SavedOperand.Input && bias is null)
        {
            return;
        }

        PlanValue y = activation.Outputs[0];
        Replace(last, new AffineActivation(matMul, function, bias is not null, savesInput), inputs, savesInput ? [y, z] : [y], product, activation);
    }

    // matmul → activation gradient → sum over the batch
    private void FuseActivationGradient(PlanStep gradient, ElementwiseGradient op)
    {
        (PlanValue dy, PlanValue saved, PlanValue dz) = (gradient.Inputs[0], gradient.Inputs[1], gradient.Outputs[0]);
        if (dz.Shape.Rank != 2)
        {
            return;
        }

        PlanStep? sum = dz.Consumers.Find(step => step.Operation is Sum { Axis: 0, Axes: 1 } && step.Inputs[0].Shape.Rank == 2);
        PlanValue[] outputs = sum is null ? [dz] : [dz, sum.Outputs[0]];
        PlanStep[] parts = sum is null ? [] : [sum];
        if (OnlyConsumer(dy) == gradient && dy != saved && dy.Producer is { Operation: MatMul matMul, IsReplaced: false } product && CanMove(product, gradient))
        {
            Replace(gradient, new MatMulActivationGradient(matMul, op.Function, sum is not null), [.. product.Inputs, saved], outputs, [product, .. parts]);
        }
        else if (sum is not null)
        {
            Replace(gradient, new ActivationGradientBiasSum(op.Function), gradient.Inputs, outputs, parts);
        }
    }

    // a loss and its gradient, when the upstream gradient does not have to be computed first
    private void FuseLoss(PlanStep loss, RowLoss op)
    {
        PlanStep? gradient = loss.Inputs[0].Consumers.Find(step =>
            step.Operation is RowLossGradient pair && pair.Loss == op && step.Inputs[0] == loss.Inputs[0] && step.Inputs[1] == loss.Inputs[1]
            && step.Inputs[2].Storage != Storage.Computed && CanMove(step, loss));
        if (gradient is not null)
        {
            Replace(loss, new LossWithGradient(op), gradient.Inputs, [loss.Outputs[0], gradient.Outputs[0]], gradient);
        }
    }

    // matmul (→ + k·w) → gradient descent
    private void FuseSgd(PlanStep update, SgdUpdate sgd)
    {
        (PlanValue w, PlanValue gradient, PlanValue rate) = (update.Inputs[0], update.Inputs[1], update.Inputs[2]);
        float decay = sgd.WeightDecay;
        var parts = new List<PlanStep>();
        if (OnlyConsumer(gradient) == update && gradient.Producer is { IsReplaced: false } add && add.Operation == Binary.Add
            && DecayOf(add, w) is { } found && CanMove(found.Term.Producer!, update))
        {
            gradient = found.Gradient;
            decay += found.Factor;
            parts.Add(add);
            if (OnlyConsumer(found.Term) == add)
            {
                parts.Add(found.Term.Producer!);
            }
        }

        PlanStep consumer = parts.Count > 0 ? parts[0] : update;
        if (OnlyConsumer(gradient) == consumer && gradient.Producer is { Operation: MatMul matMul, IsReplaced: false } product
            && product.Inputs.All(input => input.Memory != w.Memory) && CanMove(product, update))
        {
            Replace(update, new MatMulSgd(matMul, decay), [.. product.Inputs, w, rate], update.Outputs, [product, .. parts]);
        }
    }

    // gradient + k·w, the gradient of an L2 penalty
    private static (PlanValue Gradient, PlanValue Term, float Factor)? DecayOf(PlanStep add, PlanValue w)
    {
        for (int i = 0; i < 2; i++)
        {
            PlanValue term = add.Inputs[i], other = add.Inputs[1 - i];
            if (term.Producer is { Operation: Elementwise scale, IsReplaced: false } producer && scale.Row == Functions.Scale && producer.Inputs[0] == w && !other.Shape.Equals(Shape.Scalar) && other.Shape.Equals(w.Shape))
            {
                return (other, term, scale.Parameter);
            }
        }

        return null;
    }

    // What the kernels of a product can end with: defined everywhere, and more than arithmetic that has steps of its own.
    private static bool IsActivation(Operation operation) =>
        operation is Elementwise { Domain: null } function && function.Row != Functions.Scale && function.Row != Functions.Shift;

    // z + b, where b is one number a column.
    private static PlanValue? BiasOf(PlanStep add, PlanValue z)
    {
        PlanValue other = add.Inputs[0] == z ? add.Inputs[1] : add.Inputs[0];
        int columns = z.Shape[1];
        bool isRow = other != z && other.Shape.Length == columns && (other.Shape.Rank == 1 || (other.Shape.Rank == 2 && other.Shape[0] == 1));
        return isRow && add.Outputs[0].Shape.Equals(z.Shape) && (z.Shape[0] != 1 || other.Storage != Storage.Computed) ? other : null;
    }

    // The step that alone reads a value, when nobody outside the program does, nor anybody through another view of its memory.
    private static PlanStep? OnlyConsumer(PlanValue value) =>
        value is { IsOutput: false, IsShared: false, IsView: false, Consumers: [{ IsReplaced: false } consumer] } ? consumer : null;

    // True when a step reads the same values at the place of another: no update of one of them was created in between.
    private bool CanMove(PlanStep step, PlanStep place)
    {
        (int low, int high) = (Math.Min(step.Order, place.Order), Math.Max(step.Order, place.Order));
        return !_updates.Exists(update => update.Order > low && update.Order < high && Array.Exists(step.Inputs, input => input.Memory == update.Memory));
    }

    private void Replace(PlanStep place, Operation fused, PlanValue[] inputs, PlanValue[] outputs, params ReadOnlySpan<PlanStep> others)
    {
        place.Remove();
        foreach (PlanStep part in others)
        {
            part.Remove();
        }

        _steps.Add(new PlanStep(fused, inputs, outputs, place.Order));
    }

    private void ForEach<T>(Action<PlanStep, T> rule)
        where T : Operation
    {
        foreach (PlanStep step in _steps.ToArray())
        {
            if (step is { IsReplaced: false, Operation: T operation })
            {
                rule(step, operation);
            }
        }
    }
}
