using System.Runtime.InteropServices;

namespace NativeBackprop;

public sealed unsafe partial class Plan
{
    /// <summary>Sets a scalar input.</summary>
    /// <inheritdoc cref="Bind(Node, ReadOnlySpan{float})"/>
    public Plan Bind(Node input, float value) => Bind(input, [value]);

    /// <summary>Copies numbers into an input's slot.</summary>
    /// <exception cref="ShapeException">The number of values is not the input's.</exception>
    /// <exception cref="DataException">A value is NaN or infinite.</exception>
    /// <exception cref="GraphException">The node is no input of this plan, or takes class indices.</exception>
    /// <exception cref="InvalidOperationException">The plan is in use.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public Plan Bind(Node input, ReadOnlySpan<float> values)
    {
        using Occupancy.Guard inside = _use.Enter();
        PlanValue value = Input(input, ElementType.Float32, values.Length);
        CheckFinite(input, values);
        values.CopyTo(Slot(value));
        return this;
    }

    /// <summary>Copies class indices, rows of a table or lengths into an input's slot.</summary>
    /// <exception cref="ShapeException">The number of indices is not the input's.</exception>
    /// <exception cref="DataException">An index lies outside the range that the input was made with.</exception>
    /// <exception cref="GraphException">The node is no input of this plan, or takes numbers.</exception>
    /// <exception cref="InvalidOperationException">The plan is in use.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public Plan BindLabels(Node input, ReadOnlySpan<int> labels)
    {
        using Occupancy.Guard inside = _use.Enter();
        PlanValue value = Input(input, ElementType.Int32, labels.Length);
        CheckLabels(input, labels);
        CopyLabels(input, labels, MemoryMarshal.Cast<float, int>(Slot(value)));
        return this;
    }

    /// <summary>
    /// Lets an input of numbers read the buffer itself at every run, without a copy. The values are not checked; change them between runs
    /// only.
    /// </summary>
    /// <exception cref="ShapeException">The buffer's length is not the input's.</exception>
    /// <exception cref="GraphException">The node is no input of this plan, or takes class indices.</exception>
    /// <exception cref="InvalidOperationException">The plan is in use.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public Plan Bind(Node input, PinnedBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        using Occupancy.Guard inside = _use.Enter();
        PlanValue value = Input(input, ElementType.Float32, buffer.Length);
        Place(value, buffer);
        return this;
    }

    /// <summary>The slot of an input, for a caller that fills it at once with values it has checked already.</summary>
    internal Span<float> Fill(Node input)
    {
        _use.ThrowIfTaken();
        return Slot(Input(input, input.Op.ElementType, null));
    }

    /// <summary>Checks the class indices for an input.</summary>
    /// <exception cref="DataException">One lies outside the classes.</exception>
    internal static void CheckLabels(Node input, ReadOnlySpan<int> labels)
    {
        IndexRange range = input.Op.IndexRange;
        if (range.IndexOfOutside(labels) is var at && at >= 0)
        {
            throw range.Outside(input, labels[at], at);
        }
    }

    /// <summary>
    /// Copies checked class indices to where a plan reads them, and looks at them again, because kernels take the slot's word: another
    /// thread may write to the caller's memory in between.
    /// </summary>
    internal static void CopyLabels(Node input, ReadOnlySpan<int> labels, Span<int> slot)
    {
        labels.CopyTo(slot);
        try
        {
            CheckLabels(input, slot);
        }
        catch (DataException)
        {
            slot.Fill(input.Op.IndexRange.Least);
            throw;
        }
    }

    private PlanValue Input(Node input, ElementType type, int? length)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!_program.ByNode.TryGetValue(input, out PlanValue? value) || value.Storage != Storage.Input || value.Memory != value)
        {
            throw new GraphException($"{input} is not an input of this plan");
        }

        if (input.Op.ElementType != type)
        {
            throw new GraphException(
                $"{input} takes {(type == ElementType.Int32 ? "numbers, not class indices" : "class indices, not numbers")}");
        }

        return length is null || length == value.Shape.Length
            ? value
            : throw new ShapeException($"{input} has the shape {value.Shape} and needs {value.Shape.Length} values, got {length}");
    }

    // The input's own memory, made current again if a caller's buffer was bound before.
    private Span<float> Slot(PlanValue value)
    {
        Place(value, null);
        return Owner(value).SpanAt((float*)_slots[value.Slot], value.Length);
    }

    // Lets an input read a caller's buffer, or its own memory. What the first half has read must not change before the rest.
    private void Place(PlanValue value, PinnedBuffer? buffer)
    {
        if (buffer != _bound[value.Slot])
        {
            _bound[value.Slot] = buffer;
            Point(value, buffer is null ? _arena.At(value.Offset) : buffer.Pointer);
        }

        if (_unbound.Count > 0)
        {
            _unbound.Remove(value);
        }

        if (_progress == Progress.First && _firstInputs.Contains(value))
        {
            _progress = Progress.None;
        }
    }

    /// <summary>Checks the values for an input.</summary>
    /// <exception cref="DataException">One is NaN or infinite.</exception>
    internal static void CheckFinite(Node input, ReadOnlySpan<float> values)
    {
        if (FiniteCheck.IndexOfNonFinite(values) is var at && at >= 0)
        {
            throw new DataException($"{input}: element {at} is {values[at]}; every input must be finite");
        }
    }
}
