namespace NativeBackprop;

/// <summary>What a step and a predictor do with their own plans: they say where values stand, instead of copying them in.</summary>
public sealed unsafe partial class Plan
{
    // Which memory the variables read; 0 for their parameters' own.
    private long _version;

    /// <summary>
    /// Lets an input read the start of a buffer, which may be longer, without a copy. The caller has checked the values. An input that
    /// the plan does not read is passed over.
    /// </summary>
    /// <exception cref="ShapeException">The buffer is too short.</exception>
    internal void Point(Node input, PinnedBuffer buffer)
    {
        if (_program.ByNode.TryGetValue(input, out PlanValue? value))
        {
            if (buffer.Length < value.Length)
            {
                throw new ShapeException($"{input} has the shape {value.Shape} and needs {value.Length} values, got {buffer.Length}");
            }

            Place(value, buffer);
        }
    }

    /// <summary>
    /// Lets variables read other memory of their shapes than their parameters'. The caller keeps that memory alive while the plan runs.
    /// </summary>
    /// <param name="variables">The variables.</param>
    /// <param name="memory">What each is to read.</param>
    /// <param name="version">A number other than 0 that stands for this memory: nothing is done where it stands already.</param>
    internal void Rebind(ReadOnlySpan<Node> variables, ReadOnlySpan<PinnedBuffer> memory, long version)
    {
        if (version == _version)
        {
            return;
        }

        for (int i = 0; i < variables.Length; i++)
        {
            PlanValue variable = _program.ByNode[variables[i]].Memory;
            if (memory[i].Length < variable.Length)
            {
                throw new ShapeException($"{variables[i]} needs {variable.Length} values, got {memory[i].Length}");
            }

            Point(variable, memory[i].Pointer);
        }

        _version = version;
    }
}
