using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// dw = patchesᵀ · dy over all pixels of the batch, chunk by chunk in the order of the batch, so that the sum has the same bits for any
/// number of threads. These share the rows of dw, which are places of the kernel and channels (where each channel is by itself, the
/// columns); each goes over all pixels. Inputs x and dy.
/// </summary>
internal sealed unsafe class WeightGradientKernel : Kernel
{
    // A tile's height, and a vector.
    private const int RowGrain = 8, ColumnGrain = 16;

    private readonly PatchWindow _window;
    private readonly PatchPhase _phase;
    private readonly Operand _x, _dy, _dw;
    private readonly int _groups, _group, _channels, _outputs, _places;
    private readonly bool _isChannelwise;

    public WeightGradientKernel(ConvolutionGeometry geometry, Operand x, Operand dy, Operand dw)
    {
        (_x, _dy, _dw) = (x, dy, dw);
        PatchProduct forward = PatchProduct.Forward(geometry, x.Shape, dy.Shape);
        (_window, _phase) = forward.Patches;
        _isChannelwise = forward.IsChannelwise;
        _groups = _isChannelwise ? 1 : geometry.Groups;
        (_channels, _outputs) = (x.Shape[-1], dy.Shape[-1]);
        _group = _isChannelwise ? 1 : _channels / _groups;
        _places = ConvolutionGeometry.Width(dy.Shape);
        (Units, Grain) = _isChannelwise ? (_outputs, ColumnGrain) : (_phase.Ks.Count, RowGrain);
        (Flops, Bytes) = (forward.Flops, sizeof(float) * ((long)x.Length + dy.Length + dw.Length));
        long product = _isChannelwise ? 0 : NativeProduct.Workspace(Product());
        WorkspacePerThread = (sizeof(float) * Arena.Align(_window.Workspace)) + product;
    }

    public override string Call
    {
        get
        {
            string function = _isChannelwise ? "nb_product_run_channels" : "nb_product_run";
            string groups = _groups == 1 ? "" : $"{_groups} of ";
            return $"{function} patchesᵀ {groups}{_phase.Ks.Count}x{_outputs / _groups}x{_dy.Length / Math.Max(1, _outputs)}";
        }
    }

    public override void Run(int begin, int end, int thread)
    {
        float* workspace = WorkspaceOf(thread);
        nb_product product = Product();
        int units = _x.Shape[0] * _window.UnitsPerImage, at = 0;
        do
        {
            // Once for an empty batch, too, over no pixels, which makes a gradient of 0.
            PatchChunk chunk = units == 0 ? default : _window.ChunkAt(at, units);
            float* window = units == 0 ? null : _window.Open(_x.Data, chunk, workspace);
            product.k = (nuint)(units == 0 ? 0 : _phase.PixelsOf(chunk));
            product.beta = at == 0 ? 0 : 1;
            for (int group = 0; group < _groups; group++)
            {
                product.a = window + (group * _group);
                product.b = _dy.Data + ((long)at * _places * _outputs) + (group * (_outputs / _groups));
                product.c = _dw.Data + (group * (_outputs / _groups));
                if (_isChannelwise)
                {
                    NativeProduct.RunChannels(&product, 0, (int)product.m, begin, end - begin);
                }
                else
                {
                    NativeProduct.Run(&product, begin, end - begin, 0, (int)product.n, workspace + Arena.Align(_window.Workspace));
                }
            }

            at += chunk.Length;
        }
        while (at < units);
    }

    // The largest of the products, without its matrices: the tables of the convolution, their roles exchanged.
    private nb_product Product() => new()
    {
        m = (nuint)_phase.Ks.Count,
        n = (nuint)(_outputs / _groups),
        k = (nuint)_phase.Rows.Count,
        alpha = 1,
        a_form = nb_operand.NB_OPERAND_SCATTERED,
        a_rows = _phase.Ks.Pointer,
        a_ks = _phase.Rows.Pointer,
        ldb = (nuint)Math.Max(1, _outputs),
        ldc = (nuint)Math.Max(1, _outputs),
    };
}
