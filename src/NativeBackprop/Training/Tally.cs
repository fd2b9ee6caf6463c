namespace NativeBackprop.Training;

/// <summary>Running sums over the rows of an epoch.</summary>
internal struct Tally
{
    private double _loss;
    private long _correct;
    private bool _hasCorrect;

    public long Rows { get; private set; }

    public readonly Evaluation Evaluation => new(_loss / Rows, _hasCorrect ? (double)_correct / Rows : null);

    public void Add(float meanLoss, int rows) => (_loss, Rows) = (_loss + ((double)meanLoss * rows), Rows + rows);

    /// <summary>Counts the rows whose largest output is at their class.</summary>
    public void Count(ReadOnlySpan<float> outputs, int width, ReadOnlySpan<int> labels, ReadOnlySpan<int> batch)
    {
        _hasCorrect = true;
        for (int i = 0; i < batch.Length; i++)
        {
            ReadOnlySpan<float> row = outputs.Slice(i * width, width);
            int best = 0;
            for (int c = 1; c < width; c++)
            {
                best = row[c] > row[best] ? c : best;
            }

            _correct += best == labels[batch[i]] ? 1 : 0;
        }
    }
}
