using System.Runtime.InteropServices;
using NativeBackprop.Data;

namespace NativeBackprop.Training;

/// <summary>The rows of a minibatch as a caller hands them in: numbers or indices, and how many steps of each count.</summary>
internal readonly ref struct InputRows(
    ReadOnlySpan<float> numbers, ReadOnlySpan<int> indices = default, ReadOnlySpan<int> lengths = default)
{
    private ReadOnlySpan<float> Numbers { get; } = numbers;

    private ReadOnlySpan<int> Indices { get; } = indices;

    private ReadOnlySpan<int> Lengths { get; } = lengths;

    /// <summary>Numbers, or indices, in all.</summary>
    public int Length => Indices.Length + Numbers.Length;

    /// <summary>True when the rows say how many of their steps count.</summary>
    public bool HasLengths => !Lengths.IsEmpty;

    /// <summary>Copies rows of a data set, which were checked when that was made, to a graph's inputs.</summary>
    /// <param name="graph">Whose inputs.</param>
    /// <param name="data">The data set.</param>
    /// <param name="batch">Its rows.</param>
    /// <param name="fill">The memory of an input.</param>
    public static void Fill(TrainingGraph graph, Dataset data, ReadOnlySpan<int> batch, FillInput fill)
    {
        int rows = batch.Length;
        Span<float> inputs = fill(graph.Input, checked(rows * data.Features), rows);
        if (data.HasIndices)
        {
            data.GatherIndices(batch, MemoryMarshal.Cast<float, int>(inputs));
        }
        else
        {
            data.Gather(batch, inputs);
        }

        Span<float> targets = fill(graph.Targets, checked(rows * data.TargetLength), rows);
        if (data.IsClassification)
        {
            data.GatherLabels(batch, MemoryMarshal.Cast<float, int>(targets));
        }
        else
        {
            data.GatherTargets(batch, targets);
        }

        if (graph.Lengths is not null)
        {
            data.GatherLengths(batch, MemoryMarshal.Cast<float, int>(fill(graph.Lengths, rows, rows)));
        }
    }

    /// <summary>Checks that a graph takes the rows.</summary>
    /// <exception cref="DataException">They are of the other kind, or hold what is not finite or out of range.</exception>
    /// <exception cref="ShapeException">There is not a length for each row.</exception>
    public void Check(TrainingGraph graph, int rows)
    {
        if (graph.Rows.AreIndices)
        {
            if (Indices.IsEmpty)
            {
                throw new DataException("the model takes indices, not numbers: call Step with a Minibatch of Indices");
            }

            Plan.CheckLabels(graph.Input, Indices);
        }
        else
        {
            Plan.CheckFinite(graph.Input, Numbers);
        }

        if (!HasLengths)
        {
            return;
        }

        if (graph.Lengths is null)
        {
            throw new DataException(
                $"the minibatch has {nameof(Minibatch.Lengths)}, and the trainer has begun with rows of equal length: set "
                + $"{nameof(TrainerOptions)}.{nameof(TrainerOptions.TakesLengths)}");
        }

        if (Lengths.Length != rows)
        {
            throw new ShapeException($"a minibatch of {rows} rows needs {rows} {nameof(Minibatch.Lengths)}, got {Lengths.Length}");
        }

        Plan.CheckLabels(graph.Lengths, Lengths);
    }

    /// <summary>Copies checked rows to a graph's inputs; rows without lengths are whole.</summary>
    /// <param name="graph">Whose inputs.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="fill">The memory of an input.</param>
    public void CopyTo(TrainingGraph graph, int rows, FillInput fill)
    {
        Span<float> slot = fill(graph.Input, Length, rows);
        if (graph.Rows.AreIndices)
        {
            Plan.CopyLabels(graph.Input, Indices, MemoryMarshal.Cast<float, int>(slot));
        }
        else
        {
            Numbers.CopyTo(slot);
        }

        if (graph.Lengths is { } leaf)
        {
            Span<int> lengths = MemoryMarshal.Cast<float, int>(fill(leaf, rows, rows));
            if (HasLengths)
            {
                Plan.CopyLabels(leaf, Lengths, lengths);
            }
            else
            {
                lengths.Fill(graph.Steps);
            }
        }
    }
}

/// <summary>Gives the memory of an input for so many values of so many rows.</summary>
internal delegate Span<float> FillInput(Node input, int length, int rows);
