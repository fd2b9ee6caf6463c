using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Gives values that are put together along the leading axis their places in the result, so that they are computed there. While a
/// program is rewritten and ordered, a <see cref="Join"/> stands for the moment from which on the result is whole; at the end it
/// gives way to copies of what could not be placed.
/// </summary>
internal static class Placement
{
    /// <summary>Makes joins of concatenations and pads along the leading axis.</summary>
    public static void Assemble(PlanProgram program)
    {
        for (int i = 0; i < program.Steps.Count; i++)
        {
            PlanStep step = program.Steps[i];
            if (Starts(step) is { } starts)
            {
                step.Remove();
                program.Steps[i] = new PlanStep(new Join(step.Operation.Name, starts), step.Inputs, step.Outputs, step.Order);
            }
        }
    }

    /// <summary>Places the inputs of every join that can be placed.</summary>
    public static void Place(PlanProgram program)
    {
        foreach (PlanStep step in program.Steps)
        {
            if (step is { IsReplaced: false, Operation: Join join })
            {
                Place(step, join);
            }
        }
    }

    /// <summary>Places what can be placed of one join.</summary>
    public static void Place(PlanStep step, Join join)
    {
        PlanValue whole = step.Outputs[0];
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            if (CanPlace(step.Inputs[i]) && step.Inputs[i].Memory != whole.Memory)
            {
                step.Inputs[i].Memory.PlaceIn(whole, join.Starts[i]);
            }
        }
    }

    /// <summary>
    /// True when a value is computed, is all of its root (maybe under another shape), and has no place in another one yet, so that it can
    /// be computed anywhere.
    /// </summary>
    public static bool CanPlace(PlanValue value) => value.Storage == Storage.Computed && value.Length == value.Memory.Length;

    /// <summary>Replaces the joins of an ordered program by copies of what has no place in the result, and zeros in the gaps.</summary>
    public static void Expand(PlanProgram program)
    {
        var steps = new List<PlanStep>(program.Steps.Count);
        var moved = new int[program.Steps.Count + 1];
        for (int i = 0; i < program.Steps.Count; i++)
        {
            moved[i] = steps.Count;
            PlanStep step = program.Steps[i];
            if (step.Operation is Join join)
            {
                Expand(step, join, steps);
            }
            else
            {
                steps.Add(step);
            }
        }

        moved[^1] = steps.Count;
        program.Steps = steps;
        program.FirstSteps = moved[program.FirstSteps];
        program.FirstCommitStep = moved[program.FirstCommitStep];
        program.CommitStep = moved[program.CommitStep];
    }

    private static void Expand(PlanStep step, Join join, List<PlanStep> steps)
    {
        step.Remove();
        PlanValue whole = step.Outputs[0];
        whole.Producer = null;
        int end = 0;
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            PlanValue part = step.Inputs[i];
            Fill(end, join.Starts[i], new Clear());
            end = join.Starts[i] + part.Length;
            if (part.Memory != whole.Memory || part.Start != whole.Start + join.Starts[i])
            {
                Fill(join.Starts[i], end, new Copy(), part);
            }
        }

        Fill(end, whole.Length, new Clear());

        void Fill(int from, int to, Operation operation, params PlanValue[] inputs)
        {
            if (to > from)
            {
                var part = new PlanValue(whole.Node, [to - from], Storage.Computed, whole, from);
                steps.Add(new PlanStep(operation, inputs, [part], step.Order));
            }
        }
    }

    // Where the inputs of a step that puts values together along the leading axis start in its result; null for any other step.
    private static int[]? Starts(PlanStep step)
    {
        if (step.Operation is Pad { Axis: 0 } pad)
        {
            return [pad.Before * step.Outputs[0].Shape.Without(0).Length];
        }

        if (step.Operation is not Concatenate { Axis: 0 })
        {
            return null;
        }

        var starts = new int[step.Inputs.Length];
        for (int i = 1; i < starts.Length; i++)
        {
            starts[i] = starts[i - 1] + step.Inputs[i - 1].Length;
        }

        return starts;
    }
}
