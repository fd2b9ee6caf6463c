using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// A convolution or its input gradient as products of patches with weights, whose left operand is the images themselves, seen through
/// tables of offsets; no matrix of patches is ever made. What is read beyond an edge is copied with zeros around, a few images at a time,
/// and the result of a chunk is handed on while it is in the cache. Units are rows of the result (of the input gradient, as many as
/// the stride), so any number of threads can share one image.
/// </summary>
internal sealed unsafe class PatchProduct
{
    // From so many rows of a product on it pays to pack the weights, which then serve all chunks.
    private const int PackingRows = 256, LeastRows = 24;

    private readonly ConvolutionGeometry _geometry;
    private readonly PatchWindow _window;
    private readonly PatchPhase[] _phases;
    private readonly (int Height, int Width, int Channels) _source, _result;
    private readonly int _unitRows, _images, _groups;
    private readonly bool _isBackward;
    private readonly long _turnedLength, _packedLength;

    private PatchProduct(
        ConvolutionGeometry geometry, bool isBackward, Shape source, Shape result,
        (WindowAxis Window, AxisPhase[] Phases) y, (WindowAxis Window, AxisPhase[] Phases) x)
    {
        (_geometry, _isBackward, _images) = (geometry, isBackward, source[0]);
        (_source, _result) = (ImageOf(source), ImageOf(result));
        _unitRows = isBackward ? geometry.Y.Stride : 1;
        IsChannelwise = geometry.Groups > 1 && _source.Channels == geometry.Groups && _result.Channels == geometry.Groups;
        _groups = IsChannelwise ? 1 : geometry.Groups;
        int row = _unitRows * _result.Width, units = y.Window.Count;
        _window = new PatchWindow(
            _source.Height, _source.Width, _source.Channels, y.Window, x.Window, units, x.Window.Count, (long)row * _result.Channels);
        int group = IsChannelwise ? 1 : _source.Channels / _groups;
        _phases =
        [
            .. y.Phases.SelectMany(_ => x.Phases, (down, along) =>
                new PatchPhase(_window, down, along, _source.Channels, group, _result, _unitRows)),
        ];
        (Units, Grain) = (checked(_images * units), Math.Max(1, LeastRows / Math.Max(1, x.Window.Count)));
        int taps = geometry.Y.Kernel * geometry.X.Kernel;
        (int Height, int Width, _) = isBackward ? _source : _result;
        Flops = 2L * _images * Height * Width * taps * _source.Channels * (IsChannelwise ? 1 : _result.Channels / _groups);

        // Weights have the channels of the result last. Those of the input gradient are turned round, a place of the kernel at a time;
        // where each channel is by itself there is nothing to turn, and with one phase nothing to sort.
        bool turns = isBackward && (!IsChannelwise || _phases.Length > 1);
        _turnedLength = turns ? (long)taps * _source.Channels * (IsChannelwise ? 1 : _result.Channels / _groups) : 0;
        _packedLength = IsChannelwise ? 0 : _phases.Sum(phase => _groups * PackedLength(phase));
        long product = IsChannelwise ? 0 : _phases.Max(phase => NativeProduct.Workspace(ProductOf(phase)));
        long products = sizeof(nb_product) / sizeof(float) * _phases.Length * _groups;
        Workspace = product + (sizeof(float) * (
            Arena.Align(_window.Workspace) + Arena.Align(_turnedLength) + Arena.Align(_packedLength) + Arena.Align(products)));
    }

    /// <summary>Rows of the result, or groups of as many as the stride.</summary>
    public int Units { get; }

    public int Grain { get; }

    public long Flops { get; }

    /// <summary>Bytes of workspace that <see cref="Run"/> wants on each thread.</summary>
    public long Workspace { get; }

    /// <summary>True where each channel is a group of its own.</summary>
    public bool IsChannelwise { get; }

    public string Call
    {
        get
        {
            string function = IsChannelwise ? "nb_product_run_channels" : "nb_product_run";
            long pixels = (long)_images * _result.Height * _result.Width;
            int k = _phases.Max(phase => phase.Ks.Count);
            string groups = _groups == 1 ? "" : $"{_groups} of ";
            return $"{function} patches {groups}{pixels}x{_result.Channels / _groups}x{k}";
        }
    }

    /// <summary>The convolution.</summary>
    public static PatchProduct Forward(ConvolutionGeometry geometry, Shape input, Shape output) => new(
        geometry, false, input, output,
        AxisPhase.Forward(geometry.Y, ConvolutionGeometry.Height(output)),
        AxisPhase.Forward(geometry.X, ConvolutionGeometry.Width(output)));

    /// <summary>The gradient of its input.</summary>
    public static PatchProduct Backward(ConvolutionGeometry geometry, Shape input, Shape output) => new(
        geometry, true, output, input,
        AxisPhase.Backward(geometry.Y, ConvolutionGeometry.Height(input)),
        AxisPhase.Backward(geometry.X, ConvolutionGeometry.Width(input)));

    /// <summary>result = patches · weights + beta · result, for some units.</summary>
    /// <param name="source">What the patches are of.</param>
    /// <param name="weights">The weights, as the convolution has them.</param>
    /// <param name="beta">0 to overwrite the result, 1 to add to it.</param>
    /// <param name="result">The result.</param>
    /// <param name="begin">The first unit.</param>
    /// <param name="end">Behind the last unit.</param>
    /// <param name="workspace">The thread's memory.</param>
    /// <param name="finish">What to do with each piece of the result as soon as it is there.</param>
    public void Run(
        float* source, float* weights, float beta, float* result, int begin, int end, float* workspace, Action<Slab>? finish)
    {
        float* turned = workspace + Arena.Align(_window.Workspace), packed = turned + Arena.Align(_turnedLength);
        var products = (nb_product*)(packed + Arena.Align(_packedLength));
        float* own = (float*)(products + (_phases.Length * _groups));
        PrepareWeights(products, weights, turned, (long)(end - begin) * _result.Width >= PackingRows ? packed : null);
        for (PatchChunk chunk; begin < end; begin += chunk.Length)
        {
            chunk = _window.ChunkAt(begin, end);
            float* window = _window.Open(source, chunk, workspace);
            Slab slab = SlabOf(begin, begin + chunk.Length);
            for (int i = 0; i < _phases.Length * _groups; i++)
            {
                PatchPhase phase = _phases[i / _groups];
                int group = i % _groups, pixels = phase.PixelsOf(chunk), columns = (int)products[i].n;
                products[i].m = (nuint)pixels;
                products[i].a = window + (group * (_source.Channels / _groups));
                products[i].beta = beta;
                products[i].c = result + slab.Start + phase.Start + (group * (_result.Channels / _groups));
                if (IsChannelwise)
                {
                    NativeProduct.RunChannels(&products[i], 0, pixels, 0, columns);
                }
                else
                {
                    NativeProduct.Run(&products[i], 0, pixels, 0, columns, own);
                }
            }

            finish?.Invoke(slab);
        }
    }

    /// <summary>Where some units lie in the result.</summary>
    public Slab SlabOf(int begin, int end)
    {
        long start = PixelsBefore(begin), pixels = PixelsBefore(end) - start;
        return new(start * _result.Channels, 0, (nuint)pixels, (nuint)_result.Channels, (nuint)_result.Channels);
    }

    /// <summary>Everything about the one product of a convolution but its matrices, for those who go over the same patches.</summary>
    public (PatchWindow Window, PatchPhase Phase) Patches => (_window, _phases[0]);

    private static (int Height, int Width, int Channels) ImageOf(Shape shape) =>
        (ConvolutionGeometry.Height(shape), ConvolutionGeometry.Width(shape), shape[-1]);

    private static long PackedLength(int n, int k) => NativeProduct.PackedLength(n, k);

    private long PackedLength(PatchPhase phase) => PackedLength(_result.Channels / _groups, phase.Ks.Count);

    // Pixels of the result that lie before a unit.
    private long PixelsBefore(int unit)
    {
        (int image, int row) = Math.DivRem(unit, Math.Max(1, _window.UnitsPerImage));
        return (((long)image * _result.Height) + ((long)row * _unitRows)) * _result.Width;
    }

    private nb_product ProductOf(PatchPhase phase) => new()
    {
        m = (nuint)phase.Rows.Count,
        n = (nuint)(_result.Channels / _groups),
        k = (nuint)phase.Ks.Count,
        alpha = 1,
        a_form = nb_operand.NB_OPERAND_SCATTERED,
        a_rows = phase.Rows.Pointer,
        a_ks = phase.Ks.Pointer,
        ldb = (nuint)Math.Max(1, _result.Channels),
        ldc = (nuint)Math.Max(1, _result.Channels),
        c_rows = phase.Results is null ? null : phase.Results.Pointer,
    };

    // The right operand of each phase and group: as it lies in the weights, turned round, and packed where that pays.
    private void PrepareWeights(nb_product* products, float* weights, float* turned, float* packed)
    {
        for (int i = 0; i < _phases.Length; i++)
        {
            PatchPhase phase = _phases[i];
            for (int group = 0; group < _groups; group++)
            {
                nb_product* product = &products[(i * _groups) + group];
                *product = ProductOf(phase);
                product->b = weights + (group * (_result.Channels / _groups));
                if (_turnedLength > 0)
                {
                    Turn(phase, weights, group, turned);
                    product->b = turned;
                    product->ldb = product->n;
                    turned += phase.Ks.Count * (long)product->n;
                }

                if (packed != null && !IsChannelwise)
                {
                    NativeProduct.Pack(product, packed);
                    packed += PackedLength(phase);
                }
            }
        }
    }

    // The places of a phase in their order, each as the transpose of its matrix [channels of the result, channels of the source].
    private void Turn(PatchPhase phase, float* weights, int group, float* to)
    {
        int from = _source.Channels / _groups, into = IsChannelwise ? 1 : _result.Channels / _groups;
        foreach ((int row, int column) in phase.Taps)
        {
            float* tap = weights + ((((long)row * _geometry.X.Kernel) + column) * into * _source.Channels) + (group * from);
            Kernels.nb_transpose_f32(tap, (nuint)into, (nuint)from, (nuint)_source.Channels, to, (nuint)into);
            to += from * (long)into;
        }
    }
}
