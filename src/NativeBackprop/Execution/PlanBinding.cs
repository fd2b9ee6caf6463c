using System.Runtime.InteropServices;

namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    /// <summary>Sets a scalar input.</summary>
    /// <exception cref="ShapeException">The input is not a scalar.</exception>
    /// <exception cref="DataException">The value is not finite.</exception>
    public Plan Bind(Node input, float value) => Bind(input, [value]);

    /// <summary>Copies values into an input's slot.</summary>
    /// <exception cref="ShapeException">The number of values is not the input's.</exception>
    /// <exception cref="DataException">A value is NaN or infinite.</exception>
    /// <exception cref="GraphException">The node is no input of this plan, or the plan is running.</exception>
    public Plan Bind(Node input, ReadOnlySpan<float> values)
    {
        PlanValue value = Input(input, ElementType.Float32, values.Length);
        CheckFinite(input, values);
        values.CopyTo(Slot(value));
        return this;
    }

    /// <summary>Copies class indices into an input's slot.</summary>
    /// <exception cref="ShapeException">The number of indices is not the input's.</exception>
    /// <exception cref="DataException">An index lies outside 0..classes−1.</exception>
    /// <exception cref="GraphException">The node is no input of class indices of this plan, or the plan is running.</exception>
    public Plan Bind(Node input, ReadOnlySpan<int> labels)
    {
        PlanValue value = Input(input, ElementType.Int32, labels.Length);
        int classes = ((Ops.Labels)input.Op).Classes;
        for (int i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classes)
            {
                throw new DataException($"{input}: label {labels[i]} at position {i} lies outside 0..{classes - 1}");
            }
        }

        labels.CopyTo(MemoryMarshal.Cast<float, int>(Slot(value)));
        return this;
    }

    /// <summary>
    /// Lets an input read the buffer itself at every run, without a copy. The values are not checked; change them between runs only.
    /// </summary>
    /// <exception cref="ShapeException">The buffer's length is not the input's.</exception>
    /// <exception cref="GraphException">The node is no input of this plan, or the plan is running.</exception>
    public Plan Bind(Node input, PinnedBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        PlanValue value = Input(input, ElementType.Float32, buffer.Length);
        Enter();
        _bound[value.Slot] = buffer;
        _slots[value.Slot] = (nint)buffer.Pointer;
        _running = 0;
        _unbound.Remove(value);
        return this;
    }

    /// <summary>The slot of an input, for a caller that fills it with values it has checked already.</summary>
    internal Span<float> Fill(Node input) => Slot(Input(input, input.Op.ElementType, null));

    private PlanValue Input(Node input, ElementType type, int? length)
    {
        if (!_program.ByNode.TryGetValue(input, out PlanValue? value) || value.Storage != Storage.Input || value.Memory != value)
        {
            throw new GraphException($"{input} is not an input of this plan");
        }

        if (input.Op.ElementType != type)
        {
            throw new GraphException($"{input} takes {(type == ElementType.Int32 ? "numbers, not class indices" : "class indices, not numbers")}");
        }

        return length is null || length == value.Shape.Length
            ? value
            : throw new ShapeException($"{input} has the shape {value.Shape} and needs {value.Shape.Length} values, got {length}");
    }

    // The input's own memory, made current again if a caller's buffer was bound before.
    private Span<float> Slot(PlanValue value)
    {
        if (_running != 0)
        {
            Enter();
        }

        if (_bound[value.Slot] is not null)
        {
            _bound[value.Slot] = null;
            _slots[value.Slot] = (nint)_arena.At(value.Offset);
        }

        if (_unbound.Count > 0)
        {
            _unbound.Remove(value);
        }

        return new Span<float>((float*)_slots[value.Slot], value.Shape.Length);
    }

    private static void CheckFinite(Node input, ReadOnlySpan<float> values)
    {
        if (FiniteCheck.IndexOfNonFinite(values) is var at && at >= 0)
        {
            throw new DataException($"{input}: element {at} is {values[at]}; every input must be finite");
        }
    }
}
