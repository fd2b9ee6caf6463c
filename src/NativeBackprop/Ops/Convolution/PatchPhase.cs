using System.Runtime.InteropServices;

namespace NativeBackprop.Ops;

/// <summary>
/// One product of patches: every result pixel of it is made of the same places of the kernel. A convolution has one phase; its input
/// gradient has one for each place of a pixel between strides.
/// </summary>
internal sealed class PatchPhase
{
    private readonly int _pixels, _rows;

    /// <param name="window">What is read.</param>
    /// <param name="y">The phase along the rows.</param>
    /// <param name="x">The phase along the columns.</param>
    /// <param name="channels">Channels of the source, of which a patch takes the first <paramref name="group"/>.</param>
    /// <param name="group">Channels of a group of the source; 1 where each channel is by itself.</param>
    /// <param name="result">Extents of a result image.</param>
    /// <param name="unitRows">Rows of the result that a unit is.</param>
    public PatchPhase(
        PatchWindow window, AxisPhase y, AxisPhase x, int channels, int group, (int Height, int Width, int Channels) result, int unitRows)
    {
        (_rows, _pixels) = (y.Count, x.Count);
        Start = ((y.Start * (long)result.Width) + x.Start) * result.Channels;
        Taps = [.. y.Taps.SelectMany(_ => x.Taps, (row, column) => (row.Tap, column.Tap))];
        (int images, int units) = (window.ImagesPerChunk, Math.Min(window.UnitsPerChunk, y.Count));
        var (rows, ks, results) = (new List<int>(images * units * x.Count), new List<int>(Taps.Length * group), new List<int>());
        bool isDense = unitRows == 1 && x.Step == 1;
        int image = result.Height * result.Width * result.Channels, row = unitRows * result.Width * result.Channels;
        for (int i = 0; i < images; i++)
        {
            for (int unit = 0; unit < units; unit++)
            {
                for (int pixel = 0; pixel < x.Count; pixel++)
                {
                    rows.Add((i * window.ImageLength) + (unit * y.SourceStep * window.Pitch) + (pixel * x.SourceStep * channels));
                    if (!isDense)
                    {
                        results.Add((i * image) + (unit * row) + (pixel * x.Step * result.Channels));
                    }
                }
            }
        }

        foreach ((_, int dy) in y.Taps)
        {
            foreach ((_, int dx) in x.Taps)
            {
                for (int c = 0; c < group; c++)
                {
                    ks.Add((dy * window.Pitch) + (dx * channels) + c);
                }
            }
        }

        (Rows, Ks, Results) = (new OffsetTable(rows), new OffsetTable(ks), isDense ? null : new OffsetTable(results));
    }

    /// <summary>Where the patch of each pixel of a chunk begins.</summary>
    public OffsetTable Rows { get; }

    /// <summary>Where each place and channel of a patch lies in it.</summary>
    public OffsetTable Ks { get; }

    /// <summary>Where each pixel of a chunk goes; null where they lie side by side.</summary>
    public OffsetTable? Results { get; }

    /// <summary>Where in a unit of the result the first pixel goes.</summary>
    public long Start { get; }

    /// <summary>The places of the kernel, row and column.</summary>
    public (int Row, int Column)[] Taps { get; }

    /// <summary>How many pixels of the phase a chunk has.</summary>
    public int PixelsOf(PatchChunk chunk) => chunk.Images * Math.Clamp(_rows - chunk.Unit, 0, chunk.Units) * _pixels;
}

/// <summary>A phase along one axis.</summary>
/// <param name="Start">The first place of the result.</param>
/// <param name="Step">From one place of the result to the next.</param>
/// <param name="Count">How many places.</param>
/// <param name="SourceStep">From one patch to the next, in places of the source.</param>
/// <param name="Taps">The places of the kernel, and where each reads in the window.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AxisPhase(int Start, int Step, int Count, int SourceStep, (int Tap, int Offset)[] Taps)
{
    /// <summary>The one phase of a convolution, and what it reads.</summary>
    public static (WindowAxis Window, AxisPhase[] Phases) Forward(ConvolutionAxis axis, int output)
    {
        (int, int)[] taps = [.. Enumerable.Range(0, axis.Kernel).Select(k => (k, k * axis.Dilation))];
        return (new(-axis.Before, axis.Stride, (int)axis.Span, output), [new(0, 1, output, axis.Stride, taps)]);
    }

    /// <summary>
    /// The phases of the input gradient: place q + s·j of the input is reached from places j + (q + p − k·d)/s of the result, for those
    /// k of the kernel for which that is a whole number.
    /// </summary>
    public static (WindowAxis Window, AxisPhase[] Phases) Backward(ConvolutionAxis axis, int input)
    {
        int stride = axis.Stride, units = (int)(((long)input + stride - 1) / stride);
        var phases = new List<AxisPhase>();
        for (int start = 0; start < Math.Min(stride, input); start++)
        {
            (int Tap, int Offset)[] taps =
            [
                .. Enumerable.Range(0, axis.Kernel)
                    .Where(k => (start + axis.Before - ((long)k * axis.Dilation)) % stride == 0)
                    .Select(k => (k, (int)((start + axis.Before - ((long)k * axis.Dilation)) / stride))),
            ];
            phases.Add(new(start, stride, (int)(((long)input - start + stride - 1) / stride), 1, taps));
        }

        int[] offsets = [.. phases.SelectMany(phase => phase.Taps).Select(tap => tap.Offset).DefaultIfEmpty()];
        int first = offsets.Min(), reach = offsets.Max() - first + 1;
        return (new(first, 1, reach, units),
            [.. phases.Select(phase => phase with { Taps = [.. phase.Taps.Select(tap => (tap.Tap, tap.Offset - first))] })]);
    }
}
