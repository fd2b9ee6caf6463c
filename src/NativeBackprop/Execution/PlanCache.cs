namespace NativeBackprop;

/// <summary>Plans by batch size, a few of them: the one that was used longest ago gives way, and is disposed of.</summary>
/// <param name="capacity">How many plans are kept, at least 1.</param>
internal sealed class PlanCache(int capacity)
{
    private readonly List<(int Rows, Plan Plan)> _plans = new(capacity);

    /// <summary>How many plans there are.</summary>
    public int Count => _plans.Count;

    /// <summary>The plan of a batch size, or null.</summary>
    public Plan? Find(int rows)
    {
        for (int i = 0; i < _plans.Count; i++)
        {
            if (_plans[i].Rows == rows)
            {
                (int Rows, Plan Plan) found = _plans[i];
                for (; i > 0; i--)
                {
                    _plans[i] = _plans[i - 1];
                }

                _plans[0] = found;
                return found.Plan;
            }
        }

        return null;
    }

    /// <summary>Takes a plan in.</summary>
    public Plan Add(int rows, Plan plan)
    {
        if (_plans.Count == capacity)
        {
            Plan last = _plans[^1].Plan;
            _plans.RemoveAt(_plans.Count - 1);
            last.Dispose();
        }

        _plans.Insert(0, (rows, plan));
        return plan;
    }

    /// <summary>Disposes of all plans.</summary>
    public void Clear()
    {
        foreach ((_, Plan plan) in _plans)
        {
            plan.Dispose();
        }

        _plans.Clear();
    }
}
