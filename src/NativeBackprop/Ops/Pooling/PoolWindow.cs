using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// How windows go over images [B, H, W, C] or signals [B, L, C], each channel by itself: result (i, j) belongs to the pixels from
/// (i·stride − padding, j·stride − padding) on. What the padding holds belongs to no result. A signal has a height of 1.
/// </summary>
/// <param name="Height">Rows of pixels in a window.</param>
/// <param name="Width">Pixels in a row of it.</param>
/// <param name="StrideHeight">Rows from one window to the next.</param>
/// <param name="StrideWidth">Pixels from one window to the next.</param>
/// <param name="PaddingHeight">Rows around an image, above and below; at most half the window, so that every window holds a pixel.</param>
/// <param name="PaddingWidth">Pixels around an image, left and right; at most half the window.</param>
internal sealed record PoolWindow(int Height, int Width, int StrideHeight, int StrideWidth, int PaddingHeight, int PaddingWidth)
{
    public int Height { get; } = AtLeastOne("kernel", Height);

    public int Width { get; } = AtLeastOne("kernel", Width);

    public int StrideHeight { get; } = AtLeastOne("stride", StrideHeight);

    public int StrideWidth { get; } = AtLeastOne("stride", StrideWidth);

    public int PaddingHeight { get; } = AtMostHalf(Height, PaddingHeight);

    public int PaddingWidth { get; } = AtMostHalf(Width, PaddingWidth);

    /// <summary>How many pixels a window has, the padding's among them.</summary>
    public long Area => (long)Height * Width;

    /// <summary>The window for signals.</summary>
    public static PoolWindow OfSignal(int length, int stride, int padding) => new(1, length, 1, stride, 0, padding);

    /// <summary>The shape of the results.</summary>
    /// <exception cref="ShapeException">The input is no batch of images or signals, or too small for the window.</exception>
    public Shape Results(Shape x)
    {
        if (x.Rank is not (3 or 4) || (x.Rank == 3 && (Height != 1 || StrideHeight != 1)))
        {
            string expected = Height == 1 && StrideHeight == 1 ? "a signal [B, L, C] or an image [B, H, W, C]" : "an image [B, H, W, C]";
            throw new ShapeException($"expected {expected}, got {x}");
        }

        Shape y = x.With(-2, Results(x[-2], Width, StrideWidth, PaddingWidth, x));
        return x.Rank == 3 ? y : y.With(1, Results(x[1], Height, StrideHeight, PaddingHeight, x));
    }

    /// <summary>What the native kernels are told, for inputs and results of resolved shapes.</summary>
    public nb_pool Native(Shape x, Shape y) => new()
    {
        height = x.Rank == 3 ? 1 : (nuint)x[1],
        width = (nuint)x[-2],
        channels = (nuint)x[-1],
        out_height = y.Rank == 3 ? 1 : (nuint)y[1],
        out_width = (nuint)y[-2],
        kernel_height = (nuint)Height,
        kernel_width = (nuint)Width,
        stride_height = (nuint)StrideHeight,
        stride_width = (nuint)StrideWidth,
        pad_height = (nuint)PaddingHeight,
        pad_width = (nuint)PaddingWidth,
    };

    /// <summary>Calls back with each result and the elements in its window, row by row.</summary>
    public void ForEach(Shape x, Action<int, IEnumerable<int>> body)
    {
        Shape y = Results(x);
        (int height, int width, int channels) = (x.Rank == 3 ? 1 : x[1], x[-2], x[-1]);
        int rows = y.Rank == 3 ? 1 : y[1];
        for (int result = 0; result < y.Length; result++)
        {
            (int pixel, int c) = Math.DivRem(result, channels);
            (int row, int j) = Math.DivRem(pixel, y[-2]);
            (int image, int i) = Math.DivRem(row, rows);
            body(result, Elements(image, (i * StrideHeight) - PaddingHeight, (j * StrideWidth) - PaddingWidth, c));
        }

        IEnumerable<int> Elements(int image, int top, int left, int c) =>
            from h in Enumerable.Range(top, Height)
            where h >= 0 && h < height
            from w in Enumerable.Range(left, Width)
            where w >= 0 && w < width
            select (((((image * height) + h) * width) + w) * channels) + c;
    }

    private static int Results(int extent, int kernel, int stride, int padding, Shape x)
    {
        if (Shape.IsOpen(extent) || extent < 1)
        {
            throw new ShapeException($"windows go over extents of at least 1 that do not depend on the batch size, got {x}");
        }

        long free = extent + (2L * padding) - kernel;
        return free >= 0 ? (int)(free / stride) + 1 : throw new ShapeException(
            $"a window of {kernel} does not fit into an extent of {extent}{(padding > 0 ? $" padded by {padding} on both sides" : "")}, "
            + $"got {x}");
    }

    private static int AtLeastOne(string what, int value) =>
        value >= 1 ? value : throw new OptionException($"a pooling's {what} must be at least 1, got {value}");

    private static int AtMostHalf(int kernel, int padding) => padding >= 0 && padding <= kernel / 2 ? padding : throw new OptionException(
        $"a pooling's padding must lie between 0 and half its kernel of {kernel}, got {padding}");
}
