namespace NativeBackprop.Ops;

/// <summary>
/// The part of some images that a piece of work reads, with zeros where a patch reaches over an edge: a copy, so that every patch is a
/// table of offsets, or the images themselves where no patch does. Work is counted in units, which are rows of the result, or groups of
/// them; it is cut into chunks by the geometry alone, so that sums over chunks do not depend on threads or machine.
/// </summary>
internal sealed unsafe class PatchWindow
{
    // A window, or a chunk of the result, stays in a second-level cache beside the weights. A product wants some hundred rows.
    private const int MostFloats = 1 << 16, EnoughPixels = 512, LeastPixels = 240;

    private readonly int _height, _width, _channels, _firstRow, _firstColumn, _step, _reach;
    private readonly bool _isInPlace;

    /// <param name="height">Rows of a source image.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="channels">Its channels.</param>
    /// <param name="y">Which rows the units read.</param>
    /// <param name="x">Which columns.</param>
    /// <param name="units">How many units an image has.</param>
    /// <param name="pixels">How many pixels of the result, and rows of a product, a unit is.</param>
    /// <param name="resultFloats">How many numbers of the result a unit is.</param>
    public PatchWindow(int height, int width, int channels, WindowAxis y, WindowAxis x, int units, int pixels, long resultFloats)
    {
        (_height, _width, _channels, UnitsPerImage) = (height, width, channels, units);
        (_firstRow, _firstColumn, _step, _reach) = (y.First, x.First, y.Step, y.Reach);
        int columns = x.Length(x.Count);
        _isInPlace = y.First == 0 && x.First == 0 && y.Length(units) <= height && columns <= width;
        Pitch = (_isInPlace ? width : columns) * channels;
        long image = Math.Max((long)RowsOf(units) * Pitch, resultFloats * units);
        ImageLength = _isInPlace ? height * Pitch : RowsOf(units) * Pitch;
        if (image <= MostFloats)
        {
            int enough = (EnoughPixels + (pixels * units) - 1) / Math.Max(1, pixels * units);
            (ImagesPerChunk, UnitsPerChunk) = ((int)Math.Clamp(MostFloats / Math.Max(1, image), 1, Math.Max(1, enough)), units);
        }
        else
        {
            long fitting = Math.Min(
                (MostFloats / Math.Max(1, (long)Pitch * _step)) - (_reach / _step), MostFloats / Math.Max(1, resultFloats));
            int least = (LeastPixels + pixels - 1) / Math.Max(1, pixels);
            (ImagesPerChunk, UnitsPerChunk) = (1, (int)Math.Clamp(fitting, Math.Min(least, units), units));
        }
    }

    /// <summary>Floats from one row of the window to the next.</summary>
    public int Pitch { get; }

    /// <summary>Floats from one image of the window to the next.</summary>
    public int ImageLength { get; }

    public int UnitsPerImage { get; }

    /// <summary>How many whole images a chunk has at most; 1 where a chunk may be a part of one.</summary>
    public int ImagesPerChunk { get; }

    /// <summary>How many units of an image a chunk has at most.</summary>
    public int UnitsPerChunk { get; }

    /// <summary>Floats of memory that the largest chunk wants.</summary>
    public long Workspace => _isInPlace ? 0
        : UnitsPerChunk == UnitsPerImage ? (long)ImagesPerChunk * ImageLength : (long)RowsOf(UnitsPerChunk) * Pitch;

    /// <summary>The chunk that starts at a unit of the batch and ends at another one, or before.</summary>
    public PatchChunk ChunkAt(int begin, int end)
    {
        (int image, int unit) = Math.DivRem(begin, UnitsPerImage);
        int left = end - begin;
        return unit == 0 && left >= UnitsPerImage && UnitsPerChunk == UnitsPerImage
            ? new(image, Math.Min(left / UnitsPerImage, ImagesPerChunk), 0, UnitsPerImage)
            : new(image, 1, unit, Math.Min(Math.Min(left, UnitsPerImage - unit), UnitsPerChunk));
    }

    /// <summary>Makes the window of a chunk.</summary>
    /// <param name="source">The images.</param>
    /// <param name="chunk">The chunk.</param>
    /// <param name="workspace">Where a copy goes.</param>
    /// <returns>Where the window begins.</returns>
    public float* Open(float* source, PatchChunk chunk, float* workspace)
    {
        long image = (long)_height * _width * _channels;
        if (_isInPlace || _channels == 0)
        {
            return source + (chunk.Image * image) + ((long)chunk.Unit * _step * Pitch);
        }

        for (int i = 0; i < chunk.Images; i++)
        {
            float* from = source + ((chunk.Image + i) * image), to = workspace + ((long)i * ImageLength);
            Copy(from, _firstRow + (chunk.Unit * _step), RowsOf(chunk.Units), to);
        }

        return workspace;
    }

    private int RowsOf(int units) => ((units - 1) * _step) + _reach;

    // Some rows of an image, zeros where they or their columns are none of the image's.
    private void Copy(float* image, int row, int rows, float* to)
    {
        int above = Math.Clamp(-row, 0, rows), below = Math.Clamp(row + rows - _height, 0, rows - above);
        int pixels = Pitch / _channels, left = Math.Clamp(-_firstColumn, 0, pixels);
        int middle = Math.Clamp(_width - _firstColumn - left, 0, pixels - left);
        Clear(to, (long)above * Pitch);
        to += (long)above * Pitch;
        image += (((long)(row + above) * _width) + _firstColumn + left) * _channels;
        if (middle == _width && middle == pixels)
        {
            long length = (long)(rows - above - below) * Pitch;
            Buffer.MemoryCopy(image, to, length * sizeof(float), length * sizeof(float));
            to += length;
        }
        else
        {
            long before = (long)left * _channels, length = (long)middle * _channels, after = Pitch - before - length;
            for (int i = above; i < rows - below; i++, image += (long)_width * _channels)
            {
                Clear(to, before);
                Buffer.MemoryCopy(image, to + before, length * sizeof(float), length * sizeof(float));
                Clear(to + before + length, after);
                to += Pitch;
            }
        }

        Clear(to, (long)below * Pitch);
    }

    private static void Clear(float* x, long length) => new Span<float>(x, (int)length).Clear();
}

/// <summary>Which places of an axis the units read: unit i those from First + i·Step on, Reach of them.</summary>
internal readonly record struct WindowAxis(int First, int Step, int Reach, int Count)
{
    public int Length(int units) => units == 0 ? 0 : ((units - 1) * Step) + Reach;
}

/// <summary>Some whole images, or some units of one.</summary>
internal readonly record struct PatchChunk(int Image, int Images, int Unit, int Units)
{
    /// <summary>All units together.</summary>
    public int Length => Images * Units;
}
