using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>What an optimizer remembers of one parameter: tensors by kind, and the count of its steps where the rule needs one.</summary>
internal sealed class OptimizerState
{
    private readonly List<Parameter> _tensors = [];

    /// <summary>The tensors, each named by its kind: <c>velocity</c>.</summary>
    public IReadOnlyList<Parameter> Tensors => _tensors;

    /// <summary>The count of the parameter's steps, which it may share with others; null until a rule asks for one.</summary>
    public StepCount? Count { get; private set; }

    /// <summary>The leaf of the tensor of a kind, of the parameter's shape, zero at first.</summary>
    public Node Of(UpdateTarget target, string kind)
    {
        Parameter? tensor = _tensors.Find(tensor => tensor.Name == kind);
        if (tensor is null)
        {
            _tensors.Add(tensor = Parameter.Zeros(kind, target.Parameter.Shape));
        }

        return target.Graph.Variable(tensor);
    }

    public void CountWith(StepCount count) => Count = count;
}

/// <summary>
/// The number of steps that some parameters have made, all of them together. Parameters that were frozen meanwhile have made fewer, and
/// count on their own from then on: Adam's corrections go by the steps of each.
/// </summary>
internal sealed class StepCount
{
    /// <summary>What the count is called among an optimizer's state.</summary>
    public const string Name = "step";

    private int _users;

    /// <summary>The number, [1].</summary>
    public Parameter Value { get; } = Parameter.Zeros(Name, [1]);

    /// <summary>Gives the parameters that are to be updated together as few counts as their pasts allow.</summary>
    /// <returns>True when some go by another count than before.</returns>
    public static bool Assign(IReadOnlyList<OptimizerState> states)
    {
        bool isChanged = false;
        foreach (IGrouping<StepCount?, OptimizerState> group in states.GroupBy(state => state.Count).ToArray())
        {
            if (group.Key is null || group.Key._users > group.Count())
            {
                // The others stay behind, or have not begun: what goes on takes the number along.
                isChanged = true;
                var count = new StepCount { _users = group.Count() };
                group.Key?.Value.Span.CopyTo(count.Value.Span);
                if (group.Key is { } left)
                {
                    left._users -= group.Count();
                }

                foreach (OptimizerState state in group)
                {
                    state.CountWith(count);
                }
            }
        }

        return isChanged;
    }
}
