using NativeBackprop.Data;

namespace NativeBackprop.Training;

/// <summary>Running sums over the rows of an epoch.</summary>
internal struct Tally
{
    private double _loss;
    private long _weight, _correct, _counted;
    private bool _hasCorrect;

    public long Rows { get; private set; }

    public readonly Evaluation Evaluation =>
        new(_weight > 0 ? _loss / _weight : 0, _hasCorrect && _counted > 0 ? (double)_correct / _counted : null);

    /// <summary>Adds a batch's mean loss, which counts as often as there are things it is the mean of.</summary>
    public void Add(float meanLoss, int rows, long weight) =>
        (_loss, Rows, _weight) = (_loss + ((double)meanLoss * weight), Rows + rows, _weight + weight);

    /// <summary>
    /// Adds a batch of classes: its loss, and how many positions have their largest output at their class. A position without a class, or
    /// beyond its row's length, does not count.
    /// </summary>
    public void Count(float meanLoss, Tensor output, Dataset data, ReadOnlySpan<int> batch)
    {
        int width = output.Shape[-1], perRow = data.LabelsPerRow;
        long valid = 0;
        ReadOnlySpan<float> outputs = output.Span;
        for (int i = 0; i < batch.Length; i++)
        {
            int steps = perRow > 1 && !data.Lengths.IsEmpty ? data.Lengths[batch[i]] : perRow;
            for (int t = 0; t < steps; t++)
            {
                int label = data.Labels[(batch[i] * perRow) + t];
                if (label != IndexRange.NoClass)
                {
                    valid++;
                    _correct += Largest(outputs.Slice(((i * perRow) + t) * width, width)) == label ? 1 : 0;
                }
            }
        }

        (_hasCorrect, _counted) = (true, _counted + valid);
        Add(meanLoss, batch.Length, valid);
    }

    private static int Largest(ReadOnlySpan<float> row)
    {
        int best = 0;
        for (int c = 1; c < row.Length; c++)
        {
            best = row[c] > row[best] ? c : best;
        }

        return best;
    }
}
