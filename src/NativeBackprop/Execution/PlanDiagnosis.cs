namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    // Finds the first value that is not finite. The steps up to the check are run again one by one, on this thread: nothing before the
    // commit point has changed what they read. Null where that does not hold, because a first half has written to variables already.
    private NonFiniteException? FirstNonFinite(int check)
    {
        ReadOnlySpan<ScheduledKernel> before = _kernels.AsSpan(0, check);
        if (WritesVariables(before))
        {
            return null;
        }

        foreach (ScheduledKernel scheduled in before)
        {
            // What comes from outside first: a parameter, a bound buffer.
            NonFiniteException? found = First(scheduled.Step.Inputs, computed: false);
            if (found is null)
            {
                scheduled.Kernel.Run(0, scheduled.Kernel.Units, 0);
                _ = scheduled.Kernel.TakeFault();
                found = First(scheduled.Step.Outputs, computed: true);
            }

            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    private NonFiniteException? First(PlanValue[] values, bool computed)
    {
        foreach (PlanValue value in values)
        {
            if ((value.Storage == Storage.Computed) == computed && NonFinite(value) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private NonFiniteException? NonFinite(PlanValue value)
    {
        if (value.Node.Op.ElementType != ElementType.Float32)
        {
            return null;
        }

        var values = new ReadOnlySpan<float>((float*)_slots[value.Slot], value.Length);
        int at = FiniteCheck.IndexOfNonFinite(values);
        return at < 0 ? null : new NonFiniteException($"{value.Node}", $"element {at} is {values[at]}");
    }

    private static bool WritesVariables(ReadOnlySpan<ScheduledKernel> kernels)
    {
        foreach (ScheduledKernel scheduled in kernels)
        {
            for (int i = 0; i < scheduled.Step.Inputs.Length; i++)
            {
                if (scheduled.Step.Operation.Updates(i))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
