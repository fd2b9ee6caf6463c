namespace NativeBackprop.Optimizers;

/// <summary>
/// Parameters that go by a rate and a weight decay of their own; those in no group go by the optimizer's. The usual wish is no decay on
/// biases and norms: <c>new ParameterGroup(p => p.Shape.Rank &lt; 2) { WeightDecay = 0 }</c>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class ParameterGroup
{
    private readonly HashSet<Parameter>? _parameters;
    private readonly Func<Parameter, bool>? _predicate;
    private readonly float _rateFactor = 1;
    private readonly float? _weightDecay;

    /// <summary>A group of these parameters, such as those of one layer.</summary>
    /// <param name="parameters">The parameters; trainers refuse one that they do not train.</param>
    public ParameterGroup(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _parameters = [.. parameters];
    }

    /// <summary>A group of all parameters of a kind.</summary>
    /// <param name="appliesTo">True for a parameter of the group; asked once of each when a trainer or a step is made.</param>
    public ParameterGroup(Func<Parameter, bool> appliesTo)
    {
        ArgumentNullException.ThrowIfNull(appliesTo);
        _predicate = appliesTo;
    }

    /// <summary>What the learning rate, schedule included, is multiplied by for these parameters; at least 0.</summary>
    /// <exception cref="OptionException">The value is negative or not finite.</exception>
    public float LearningRateFactor
    {
        get => _rateFactor;
        init => _rateFactor = Require("learning rate factor", value);
    }

    /// <summary>Replaces the optimizer's weight decay for these parameters, at least 0; null keeps it.</summary>
    /// <exception cref="OptionException">The value is negative or not finite.</exception>
    public float? WeightDecay
    {
        get => _weightDecay;
        init => _weightDecay = value is { } decay ? Require("weight decay", decay) : null;
    }

    /// <summary>Which group each parameter belongs to; −1 for none.</summary>
    /// <exception cref="OptionException">A group covers nothing or what is not there, or two cover the same parameter.</exception>
    /// <exception cref="GraphException">A predicate failed; the inner exception says how.</exception>
    internal static int[] Assign(IReadOnlyList<ParameterGroup> groups, IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        int[] assigned = [.. parameters.Select(_ => -1)];
        for (int g = 0; g < groups.Count; g++)
        {
            ParameterGroup group = groups[g];
            int covered = 0;
            for (int p = 0; p < assigned.Length; p++)
            {
                if (!group.Covers(parameters[p].Parameter))
                {
                    continue;
                }

                assigned[p] = assigned[p] < 0 ? g : throw new OptionException(
                    $"parameter {parameters[p].Name} is in the parameter groups {assigned[p]} and {g}; it can be in one only");
                covered++;
            }

            if (covered == 0 || covered < group._parameters?.Count)
            {
                throw new OptionException(covered == 0
                    ? $"parameter group {g} covers none of the {parameters.Count} parameters"
                    : $"parameter group {g} lists {group._parameters!.Count} parameters, of which only {covered} are trained here");
            }
        }

        return assigned;
    }

    private bool Covers(Parameter parameter) => _parameters?.Contains(parameter)
        ?? UserCode.Call("a parameter group's predicate", _predicate!, parameter);

    private static float Require(string name, float value) => value >= 0 && float.IsFinite(value)
        ? value
        : throw new OptionException($"a parameter group's {name} must be a finite number of at least 0, got {value}");
}
