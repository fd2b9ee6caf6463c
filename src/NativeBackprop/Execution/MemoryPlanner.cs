namespace NativeBackprop;

/// <summary>
/// Gives every computed root a place in the arena by liveness: a place is free again after the last step that reads any of it. A
/// result goes into the range of an operand that dies at that step, where the operation allows it.
/// </summary>
internal sealed class MemoryPlanner
{
    private readonly SortedList<long, long> _free = [];
    private readonly List<long> _blocks = [];

    // The step that touches a value last, the values that show each root, and the step that touches any of those last.
    private readonly Dictionary<PlanValue, int> _lastUse = [];
    private readonly Dictionary<PlanValue, List<PlanValue>> _shown = [];
    private readonly Dictionary<PlanValue, int> _rootLastUse = [];
    private long _end;

    /// <summary>Length of the arena in floats.</summary>
    public long Length => _end;

    /// <summary>The blocks to reserve in the arena, in floats and in this order: offsets count from the start of the first one.</summary>
    public IReadOnlyList<long> Blocks => _blocks;

    /// <summary>How many results were written in place of an operand.</summary>
    public int InPlace { get; private set; }

    /// <summary>What the values would take if none reused the memory of another, in floats.</summary>
    public long WithoutReuse { get; private set; }

    public static MemoryPlanner Run(PlanProgram program)
    {
        var planner = new MemoryPlanner();
        planner.Place(program);
        return planner;
    }

    private void Place(PlanProgram program)
    {
        for (int s = 0; s < program.Steps.Count; s++)
        {
            foreach (PlanValue value in program.Steps[s].Inputs.Concat(program.Steps[s].Outputs))
            {
                Use(value, s);
            }
        }

        foreach (PlanValue value in program.Values)
        {
            if (value.Storage == Storage.Constant && value.Memory == value)
            {
                value.Offset = Allocate(value.Length);
            }
            else if (value.IsOutput)
            {
                Use(value, int.MaxValue);
            }
        }

        for (int s = 0; s < program.Steps.Count; s++)
        {
            PlanStep step = program.Steps[s];
            PlaceOutputs(step, s);
            if (step.WorkspaceLength > 0)
            {
                step.WorkspaceOffset = Allocate(step.WorkspaceLength);
                Release(step.WorkspaceOffset, step.WorkspaceLength);
            }

            foreach (PlanValue root in step.Inputs.Concat(step.Outputs).Select(value => value.Memory).Distinct())
            {
                if (root.Storage == Storage.Computed && _rootLastUse[root] == s && root.Offset >= 0)
                {
                    Release(root.Offset, root.Length);
                }
            }
        }
    }

    private void Use(PlanValue value, int position)
    {
        PlanValue root = value.Memory;
        if (!_lastUse.ContainsKey(value))
        {
            if (!_shown.TryGetValue(root, out List<PlanValue>? shown))
            {
                _shown.Add(root, shown = []);
            }

            shown.Add(value);
        }

        _lastUse[value] = position;
        _rootLastUse[root] = Math.Max(position, _rootLastUse.GetValueOrDefault(root));
    }

    private void PlaceOutputs(PlanStep step, int position)
    {
        for (int o = 0; o < step.Outputs.Length; o++)
        {
            PlanValue output = step.Outputs[o], root = output.Memory;
            if (root.Storage != Storage.Computed || root.Offset >= 0)
            {
                continue;
            }

            WithoutReuse += Arena.Align(root.Length);
            if (root != output || !Array.Exists(step.Inputs, input => Overwrite(step, input, o, position)))
            {
                root.Offset = Allocate(root.Length);
            }
        }
    }

    // Puts a result into the range of an operand that nobody needs after the step, if that can be.
    private bool Overwrite(PlanStep step, PlanValue input, int o, int position)
    {
        PlanValue output = step.Outputs[o], root = input.Memory;
        if (root.Storage != Storage.Computed || root.Offset < 0 || input.Length != output.Length || !CanOverwrite(step, input, o)
            || _shown[root].Exists(other => _lastUse[other] > position && other.Overlaps(input)))
        {
            return false;
        }

        output.PlaceIn(root, input.Start);
        _shown[root].AddRange(_shown[output]);
        _rootLastUse[root] = Math.Max(_rootLastUse[root], _rootLastUse[output]);
        InPlace++;
        return true;
    }

    // An operation may read the same memory as several of its inputs; only one that reads all of it element by element may lose it.
    private static bool CanOverwrite(PlanStep step, PlanValue operand, int output)
    {
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            PlanValue input = step.Inputs[i];
            if (input.Overlaps(operand) && !(input.Coincides(operand) && step.Operation.CanOverwrite(i, output)))
            {
                return false;
            }
        }

        return !Array.Exists(step.Outputs, other => other.Overlaps(operand));
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
            _blocks.Add(Math.Max(1, floats));
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
        if (!MemorySource.Current.ReusesBlocks)
        {
            return;
        }

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
