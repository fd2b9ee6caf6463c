namespace NativeBackprop;

/// <summary>
/// What one row of a model's input is: its kind, its extents, and the order of its numbers. In the graph channels stand last; the data may
/// have them first, as PyTorch's files do, and is then transposed on its way in.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record RowShape
{
    private RowShape(RowKind kind, string what, bool isChannelsFirst, params ReadOnlySpan<int> extents)
    {
        long length = 1;
        foreach (int extent in extents)
        {
            length = extent < 1 ? 0 : Math.Min(length * extent, int.MaxValue + 1L);
        }

        if (length is < 1 or > int.MaxValue)
        {
            throw new OptionException(
                $"{what} needs extents of at least 1 and a product below 2^31, got [{string.Join(", ", extents.ToArray())}]");
        }

        (Kind, Batch, Length, IsChannelsFirst) = (kind, [Shape.Batch, .. extents], (int)length, isChannelsFirst);
    }

    /// <summary>What the row is.</summary>
    public RowKind Kind { get; }

    /// <summary>The shape of a batch in the graph, channels last: [B, H, W, C] of an image.</summary>
    public Shape Batch { get; }

    /// <summary>How many numbers a row has.</summary>
    public int Length { get; }

    /// <summary>True when the data has the channels before the places; so has a model's output then.</summary>
    public bool IsChannelsFirst { get; }

    /// <summary>For indices: they lie in 0..Bound−1. 0 for numbers.</summary>
    public int Bound { get; private init; }

    /// <summary>True when the data has to be transposed: with one channel, or one place, both orders are the same.</summary>
    internal bool IsTransposed => IsChannelsFirst && Batch[-1] > 1 && Length > Batch[-1];

    /// <summary>The extents of a row as PyTorch orders them: channels first.</summary>
    internal int[] FileShape => Kind switch
    {
        RowKind.Image => [Batch[3], Batch[1], Batch[2]],
        RowKind.Signal => [Batch[2], Batch[1]],
        _ => [.. Batch.Extents[1..]],
    };

    /// <summary>Rows of features.</summary>
    /// <exception cref="OptionException">The width is below 1.</exception>
    public static RowShape Features(int width) => new(RowKind.Features, "a row of features", false, width);

    /// <summary>Sequences: a row is <paramref name="steps"/> times <paramref name="features"/> numbers.</summary>
    /// <exception cref="OptionException">An extent is below 1, or the product too large.</exception>
    public static RowShape Sequence(int steps, int features) => new(RowKind.Sequence, "a sequence", false, steps, features);

    /// <summary>Signals: a row is <paramref name="length"/> times <paramref name="channels"/> numbers.</summary>
    /// <param name="length">Places of a signal.</param>
    /// <param name="channels">Numbers at each place.</param>
    /// <param name="channelsFirst">True when the data has a channel after the other, as PyTorch does.</param>
    /// <exception cref="OptionException">An extent is below 1, or the product too large.</exception>
    public static RowShape Signal(int length, int channels, bool channelsFirst = false) =>
        new(RowKind.Signal, "a signal", channelsFirst, length, channels);

    /// <summary>Images: a row is <paramref name="height"/> times <paramref name="width"/> pixels of some channels.</summary>
    /// <param name="height">Rows of pixels.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="channels">Numbers of a pixel: 1 for grey, 3 for colours.</param>
    /// <param name="channelsFirst">True when the data has a channel after the other, as PyTorch does.</param>
    /// <exception cref="OptionException">An extent is below 1, or the product too large.</exception>
    public static RowShape Image(int height, int width, int channels, bool channelsFirst = false) =>
        new(RowKind.Image, "an image", channelsFirst, height, width, channels);

    /// <summary>Indices: a row is <paramref name="steps"/> whole numbers.</summary>
    /// <param name="steps">How many numbers.</param>
    /// <param name="bound">How many different ones there are: they lie in 0..bound−1.</param>
    /// <exception cref="OptionException">An argument is below 1.</exception>
    public static RowShape Indices(int steps, int bound) => new(RowKind.Indices, "a row of indices", false, steps)
    {
        Bound = bound >= 1 ? bound : throw new OptionException($"indices need a bound of at least 1, got {bound}"),
    };

    /// <summary>The same rows with another number of steps.</summary>
    /// <exception cref="GraphException">The rows are no sequences.</exception>
    internal RowShape WithSteps(int steps) => Kind switch
    {
        RowKind.Sequence => Sequence(steps, Batch[2]),
        RowKind.Indices => Indices(steps, Bound),
        _ => throw new GraphException($"only sequences go step by step: the model takes {this}"),
    };

    /// <summary>True for a batch of such rows; of a sequence or of indices, with any number of steps.</summary>
    internal bool Takes(RowKind? kind, Shape batch) => kind == Kind && batch.Rank == Batch.Rank && (Kind switch
    {
        RowKind.Sequence => batch[2] == Batch[2],
        RowKind.Indices => true,
        _ => batch.Equals(Batch),
    });

    /// <summary>For example <c>image [B, 28, 28, 1]</c>.</summary>
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()} {Batch}";
}
