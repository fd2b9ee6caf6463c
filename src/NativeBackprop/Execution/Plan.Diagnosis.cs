namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    // Finds the first value that is not finite. The steps up to the check are run again one by one, on this thread: what they read is as
    // it was, because nothing before the commit point has changed it, and what a first half has committed is kept.
    private NonFiniteException? FirstNonFinite(int check)
    {
        GoBack();
        try
        {
            return FindNonFinite(check);
        }
        finally
        {
            Return();
        }
    }

    private NonFiniteException? FindNonFinite(int check)
    {
        foreach (ScheduledKernel scheduled in _kernels.AsSpan(0, check))
        {
            // What comes from outside first: a parameter, a bound buffer. A constant is as somebody wants it: a mask may be infinite.
            NonFiniteException? found = First(scheduled.Step.Inputs, isComputed: false);
            if (found is null)
            {
                scheduled.Kernel.Run(0, scheduled.Kernel.Units, 0);
                _ = scheduled.Kernel.TakeFault();
                found = First(scheduled.Step.Outputs, isComputed: true);
            }

            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    private NonFiniteException? First(PlanValue[] values, bool isComputed)
    {
        foreach (PlanValue value in values)
        {
            bool isMeant = value.Storage != Storage.Constant && (value.Storage == Storage.Computed) == isComputed;
            if (isMeant && NonFinite(value) is { } found)
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
}
