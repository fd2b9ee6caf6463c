namespace NativeBackprop;

/// <summary>
/// Gives every computed value a place in the arena by liveness: a place is free again after the last step that reads it, and a
/// result goes into the place of an operand that dies at that step, where the operation allows it.
/// </summary>
internal sealed class MemoryPlanner
{
    private readonly SortedList<long, long> _free = [];
    private long _end;

    /// <summary>Length of the arena in floats.</summary>
    public long Length { get; private set; }

    /// <summary>How many results were written in place of an operand.</summary>
    public int InPlace { get; private set; }

    /// <summary>What the values would take if none shared memory, in floats.</summary>
    public long Unshared { get; private set; }

    public static MemoryPlanner Run(PlanProgram program)
    {
        var planner = new MemoryPlanner();
        planner.Place(program);
        return planner;
    }

    private void Place(PlanProgram program)
    {
        var lastUse = new Dictionary<PlanValue, int>();
        for (int s = 0; s < program.Steps.Count; s++)
        {
            foreach (PlanValue value in program.Steps[s].Inputs.Concat(program.Steps[s].Outputs))
            {
                lastUse[value.Memory] = s;
            }
        }

        foreach (PlanValue value in program.Values)
        {
            if (value.Storage == Storage.Constant && value.Memory == value)
            {
                value.Offset = Allocate(value.Shape.Length);
            }
            else if (value.IsOutput)
            {
                lastUse[value.Memory] = int.MaxValue;
            }
        }

        for (int s = 0; s < program.Steps.Count; s++)
        {
            PlanStep step = program.Steps[s];
            PlaceOutputs(step, s, lastUse);
            foreach (PlanValue value in step.Inputs.Concat(step.Outputs).Select(value => value.Memory).Distinct())
            {
                if (value.Storage == Storage.Computed && lastUse[value] == s && value.Offset >= 0)
                {
                    Release(value.Offset, value.Shape.Length);
                }
            }
        }

        Length = _end;
    }

    private void PlaceOutputs(PlanStep step, int position, Dictionary<PlanValue, int> lastUse)
    {
        for (int o = 0; o < step.Outputs.Length; o++)
        {
            PlanValue output = step.Outputs[o].Memory;
            if (output.Storage != Storage.Computed || output.Offset >= 0)
            {
                continue;
            }

            Unshared += Arena.Align(output.Shape.Length);
            for (int i = 0; i < step.Inputs.Length && output.Offset < 0; i++)
            {
                PlanValue input = step.Inputs[i].Memory;
                bool dies = input.Storage == Storage.Computed && input.Offset >= 0 && lastUse[input] == position;
                if (dies && input.Shape.Length == output.Shape.Length && CanOverwrite(step, input, o))
                {
                    output.Offset = input.Offset;
                    lastUse[input] = -1;
                    InPlace++;
                }
            }

            if (output.Offset < 0)
            {
                output.Offset = Allocate(output.Shape.Length);
            }
        }
    }

    // An operation may read the same memory as several of its inputs.
    private static bool CanOverwrite(PlanStep step, PlanValue memory, int output)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            if (step.Inputs[i].Memory == memory && !step.Operation.CanOverwrite(i, output))
            {
                return false;
            }
        }

        return true;
    }

    private long Allocate(long floats)
    {
        long size = Math.Max(Arena.Align(floats), PinnedBuffer.AlignmentInFloats), best = -1, bestSize = long.MaxValue;
        foreach ((long offset, long length) in _free)
        {
            if (length >= size && length < bestSize)
            {
                (best, bestSize) = (offset, length);
            }
        }

        if (best < 0)
        {
            long offset = _end;
            _end += size;
            return offset;
        }

        _free.Remove(best);
        if (bestSize > size)
        {
            _free.Add(best + size, bestSize - size);
        }

        return best;
    }

    private void Release(long offset, long floats)
    {
        long size = Math.Max(Arena.Align(floats), PinnedBuffer.AlignmentInFloats);
        if (_free.TryGetValue(offset + size, out long after))
        {
            _free.Remove(offset + size);
            size += after;
        }

        int index = _free.Count - 1;
        while (index >= 0 && _free.Keys[index] > offset)
        {
            index--;
        }

        if (index >= 0 && _free.Keys[index] + _free.Values[index] == offset)
        {
            offset = _free.Keys[index];
            size += _free.Values[index];
            _free.RemoveAt(index);
        }

        _free.Add(offset, size);
    }
}
