namespace NativeBackprop;

/// <summary>
/// Puts the steps of a program into their final order: the first half first; otherwise as they were created, but an update as soon as what
/// it reads is there, everybody has read the old value and nothing can fault any more, while the gradient is still in cache. What only
/// updates read (Adam's corrections) moves with them. Where somebody has to read a value after it has been overwritten, a copy is kept.
/// </summary>
internal sealed class StepOrder
{
    private readonly PlanProgram _program;
    private readonly HashSet<PlanStep> _first;
    private readonly List<Turn> _turns = [];
    private readonly Dictionary<PlanStep, Turn> _byStep = [];
    private readonly Dictionary<PlanValue, Turn> _overwriters = [];
    private readonly Dictionary<PlanValue, PlanValue> _copies = [];
    private Turn? _half;

    // Once something has to come before what was created before it, every further wish may be one too many.
    private bool _isIrregular;

    private StepOrder(PlanProgram program, HashSet<PlanStep> first) => (_program, _first) = (program, first);

    public static void Apply(PlanProgram program, Graph graph, IReadOnlyList<Node> first)
    {
        HashSet<PlanStep> inFirst = FirstHalf(program, graph, first);
        Effects.Defer(program, inFirst);
        var order = new StepOrder(program, inFirst);
        order.KeepOutputs();
        order.AddTurns();
        order.AddCommits();
        order.ReadBeforeWriting();
        order.CopyLate();
        order.Sort();
    }

    // What makes the nodes, and what that needs: also the updates that have to happen before.
    private static HashSet<PlanStep> FirstHalf(PlanProgram program, Graph graph, IReadOnlyList<Node> first)
    {
        if (first.Count == 0)
        {
            return [];
        }

        bool[] needed = graph.Needed([.. first]);
        bool IsNeeded(PlanValue value) => value.Node.Op is not Ops.Leaf && needed[value.Node.Index];
        bool MakesOne(PlanStep step) => Array.Exists(step.Outputs, IsNeeded) || step.Writes.Exists(write => IsNeeded(write.After));
        return Effects.Upstream(program.Steps.Where(MakesOne), _ => true);
    }

    // An output that is a variable's value as of some time, and not what the variable holds in the end, may be overwritten before.
    private void KeepOutputs()
    {
        var overwriters = _program.Steps.SelectMany(step => step.Writes.Select(write => (step, write))).ToDictionary(
            pair => pair.write.Before, pair => pair.step);
        static bool IsFixed(PlanValue value) => value is { IsOutput: true, IsView: true, Node.Variable: null };
        foreach (PlanValue output in _program.Values.Where(IsFixed).ToArray())
        {
            PlanValue value = output.Written;
            if (overwriters.TryGetValue(value, out PlanStep? overwriter))
            {
                output.MoveTo(CopyOf(value, overwriter));
            }
        }
    }

    private PlanValue CopyOf(PlanValue value, PlanStep overwriter)
    {
        if (!_copies.TryGetValue(value, out PlanValue? copy))
        {
            _copies.Add(value, copy = _program.Keep(value, overwriter.Order));
            if (_first.Contains(overwriter))
            {
                _first.Add(copy.Producer!);
            }
        }

        return copy;
    }

    // One turn a step, after the steps that it gets values from, in its half.
    private void AddTurns()
    {
        _program.Steps.ForEach(step => AddTurn(step));
        _turns.Sort();
        if (_first.Count > 0)
        {
            _half = Gate([.. _turns.Where(turn => turn.IsIn(_first))], [.. _turns.Where(turn => !turn.IsIn(_first))]);
        }

        foreach (Turn turn in _turns)
        {
            LinkProducers(turn);
            turn.Step!.Writes.ForEach(write => _overwriters.Add(write.Before, turn));
        }
    }

    private Turn AddTurn(PlanStep step)
    {
        var turn = new Turn(step, step.Order, step.Operation switch { Copy => 0, Commit => 2, _ => 1 }, _turns.Count);
        _turns.Add(turn);
        _byStep.Add(step, turn);
        return turn;
    }

    private void LinkProducers(Turn turn)
    {
        foreach (PlanValue input in turn.Step!.Inputs)
        {
            if (MakerOf(input) is { } maker)
            {
                Link(maker, turn);
            }
        }
    }

    // What makes a value in every run.
    private Turn? MakerOf(PlanValue value) => value.Producer is { } producer ? _byStep.GetValueOrDefault(producer) : null;

    // A moment that some turns come before and others after.
    private Turn Gate(Turn[] before, Turn[] after)
    {
        var gate = new Turn(null, before.Length == 0 ? -1 : before.Max(turn => turn.Order), 3, 0);
        Array.ForEach(before, turn => Link(turn, gate));
        Array.ForEach(after, turn => Link(gate, turn));
        return gate;
    }

    // In each half, variables are written after everything that can fault. No such thing depends on them: Effects has seen to that.
    private void AddCommits()
    {
        foreach (bool isFirst in (ReadOnlySpan<bool>)[true, false])
        {
            Turn[] half = [.. _turns.Where(turn => turn.IsIn(_first) == isFirst)];
            Turn[] faults = Array.FindAll(half, turn => turn.Step!.Operation.CanFault);
            Turn[] writers = Array.FindAll(half, turn => turn.Step!.WritesVariable);
            if (faults.Length > 0 && writers.Length > 0)
            {
                Gate(faults, writers);
            }
        }
    }

    // Whoever reads a value comes before the update that overwrites it, or reads a copy where that cannot be.
    private void ReadBeforeWriting()
    {
        foreach (Turn turn in _turns.ToArray())
        {
            for (int i = 0; i < turn.Step!.Inputs.Length; i++)
            {
                PlanValue value = turn.Step.Inputs[i].Written;
                if (!_overwriters.TryGetValue(value, out Turn? overwriter) || (overwriter == turn && turn.Step.Operation.Updates(i)))
                {
                    continue;
                }

                bool isRegular = !_isIrregular && turn.CompareTo(overwriter) < 0;
                if (isRegular || (overwriter != turn && !Leads(overwriter, turn)))
                {
                    Link(turn, overwriter);
                }
                else
                {
                    ReadCopy(turn, i, value, overwriter);
                }
            }
        }

    }

    // A copy is made when all else is ready for the update that it is made for: of the copy itself, or of what was copied.
    private void CopyLate()
    {
        foreach (Turn copy in _turns.Where(turn => turn.Step!.Operation is Copy))
        {
            Turn update = _overwriters.GetValueOrDefault(copy.Step!.Outputs[0]) ?? _overwriters[copy.Step.Inputs[0].Written];
            foreach (Turn other in update.Before.Where(other => other.Step?.Operation is not Copy && !Leads(copy, other)).ToArray())
            {
                Link(other, copy);
            }
        }
    }

    private void ReadCopy(Turn reader, int input, PlanValue value, Turn overwriter)
    {
        PlanValue copy = CopyOf(value, overwriter.Step!);
        if (!_byStep.TryGetValue(copy.Producer!, out Turn? maker))
        {
            maker = AddTurn(copy.Producer!);
            LinkProducers(maker);
            Link(maker, overwriter);
            if (_half is not null)
            {
                (Turn before, Turn after) = maker.IsIn(_first) ? (maker, _half) : (_half, maker);
                Link(before, after);
            }
        }

        _program.Redirect(reader.Step!, input, copy);
        Link(maker, reader);
    }

    private void Link(Turn before, Turn after)
    {
        before.After.Add(after);
        after.Before.Add(before);
        _isIrregular |= before.CompareTo(after) >= 0;
    }

    private static bool Leads(Turn from, Turn to)
    {
        var seen = new HashSet<Turn> { from };
        var open = new Stack<Turn>(seen);
        while (open.TryPop(out Turn? turn))
        {
            if (turn == to)
            {
                return true;
            }

            turn.After.Where(seen.Add).ToList().ForEach(open.Push);
        }

        return false;
    }

    private void Sort()
    {
        HashSet<Turn> urgent = Urgent();
        var waiting = new Dictionary<Turn, int>();
        var ready = new PriorityQueue<Turn, (int, Turn)>();
        void Free(Turn turn) => ready.Enqueue(turn, (turn.Step is null || urgent.Contains(turn) ? 0 : 1, turn));
        foreach (Turn turn in _turns.Where(turn => turn.Before.Count == 0))
        {
            Free(turn);
        }

        var steps = new List<PlanStep>(_turns.Count);
        while (ready.TryDequeue(out Turn? turn, out _))
        {
            if (turn.Step is not null)
            {
                steps.Add(turn.Step);
            }

            foreach (Turn next in turn.After)
            {
                int count = waiting.GetValueOrDefault(next, next.Before.Count) - 1;
                waiting[next] = count;
                if (count == 0)
                {
                    Free(next);
                }
            }
        }

        _program.Steps = steps.Count == _turns.Count
            ? steps
            : throw Refusal.InvalidOperation("the steps of a plan wait for one another");
        _program.FirstSteps = steps.Count(_first.Contains);
        _program.FirstCommitStep = CommitIn(0, _program.FirstSteps);
        _program.CommitStep = CommitIn(_program.FirstSteps, steps.Count);

        int CommitIn(int from, int to) => steps.FindIndex(from, to - from, step => step.WritesVariable) is var at && at >= 0 ? at : to;
    }

    // Updates; what is made of updates' results and single numbers, and read by updates alone; checks that nobody waits for.
    private HashSet<Turn> Urgent()
    {
        var readers = new Dictionary<PlanValue, List<Turn>>();
        foreach (Turn turn in _turns)
        {
            foreach (PlanValue value in turn.Step!.Inputs.Select(input => input.Written).Distinct())
            {
                if (!readers.TryGetValue(value, out List<Turn>? list))
                {
                    readers.Add(value, list = []);
                }

                list.Add(turn);
            }
        }

        _turns.Sort();
        var light = new HashSet<Turn>();
        foreach (Turn turn in _turns)
        {
            if (IsUpdate(turn) || Array.TrueForAll(turn.Step!.Inputs, IsLight))
            {
                light.Add(turn);
            }
        }

        var urgent = new HashSet<Turn>();
        foreach (Turn turn in _turns.AsEnumerable().Reverse())
        {
            Turn[] own = [.. turn.Step!.Outputs.SelectMany(output => readers.GetValueOrDefault(output.Written, []))];
            bool feedsUpdates = light.Contains(turn) && own.Length > 0 && Array.TrueForAll(own, urgent.Contains);
            if (IsUpdate(turn) || feedsUpdates || (turn.Step.Operation.CanFault && own.Length == 0))
            {
                urgent.Add(turn);
            }
        }

        return urgent;

        bool IsLight(PlanValue value) => MakerOf(value) is { } maker ? light.Contains(maker) : value.Length == 1;
        static bool IsUpdate(Turn turn) => turn.Step!.Writes.Count > 0 || turn.Step.Operation is Copy;
    }

    /// <summary>A step's place in the order, or a moment between steps.</summary>
    private sealed class Turn(PlanStep? step, int order, int rank, int position) : IComparable<Turn>
    {
        public PlanStep? Step => step;

        public int Order => order;

        public List<Turn> Before { get; } = [];

        public List<Turn> After { get; } = [];

        public bool IsIn(HashSet<PlanStep> steps) => step is not null && steps.Contains(step);

        // In the order of creation, what stands at one place as it follows there; what is copied for a step goes before it.
        public int CompareTo(Turn? other) =>
            other is null ? 1 : (order, rank, position).CompareTo((other.Order, other.Rank, other.Position));

        private int Rank => rank;

        private int Position => position;
    }
}
