using System.Diagnostics;
using NativeBackprop.Interop;
using NativeBackprop.Ops;

namespace NativeBackprop.Cli.Bench;

/// <summary>
/// The matrix products of a row's step and nothing else, by OpenBLAS (by our own where it is missing or not wanted), in the step's order
/// and with its operands' sizes, three ways: OpenBLAS's own threads, our threads on a part of the rows each, our threads on a part of the
/// columns each. What a step is compared with is the sum of each product's fastest time.
/// </summary>
internal sealed unsafe class BareProducts : IDisposable
{
    private readonly List<Product> _products = [];
    private readonly ThreadTeam? _team;
    private readonly int _threads;
    private readonly Action<int> _split;
    private readonly long[,] _starts, _ends;
    private readonly PinnedBuffer[] _workspaces;
    private readonly ProductLibrary _library;
    private bool _byColumns;

    /// <param name="workload">The row.</param>
    /// <param name="threads">The threads that a product may use.</param>
    /// <param name="products">What computes the step's products; where that is left open, OpenBLAS is measured.</param>
    public BareProducts(Workload workload, int threads, ProductLibrary products)
    {
        (_threads, _library) = (threads, products == ProductLibrary.Own ? ProductLibrary.Own : ProductLibrary.OpenBlas);
        Dictionary<string, PinnedBuffer> memory = Memory(workload.Products);
        foreach (BareProduct product in workload.Products)
        {
            // The update of plain gradient descent, with a rate so small that the weights stay what they are.
            (float alpha, float beta) = product.Updates ? (-1e-30f, 1) : (1, 0);
            var gemm = new Gemm(product.TransposeA, product.TransposeB, product.ShapeA, product.ShapeB, _library);
            _products.Add(new(gemm, memory[product.A], memory[product.B], memory[product.C], alpha, beta));
        }

        (_starts, _ends) = (new long[threads, _products.Count], new long[threads, _products.Count]);
        long workspace = Math.Max(1, _products.Max(product => product.Gemm.Workspace) / sizeof(float));
        _workspaces = [.. Enumerable.Range(0, threads).Select(_ => new PinnedBuffer(workspace))];
        _team = threads > 1 ? new ThreadTeam(threads) : null;
        _split = Split;
    }

    /// <summary>The sum of each product's fastest time so far, in µs.</summary>
    public double BestMicroseconds => _products.Sum(product => product.Best);

    /// <summary>Runs every product once in each way, or once when there is one thread.</summary>
    public void Measure()
    {
        if (_team is null)
        {
            RunAlone();
            return;
        }

        if (_library == ProductLibrary.OpenBlas)
        {
            Cblas.openblas_set_num_threads(_threads);
            RunAlone();
            Cblas.openblas_set_num_threads(1);
        }

        RunAlone();
        foreach (bool byColumns in (ReadOnlySpan<bool>)[false, true])
        {
            _byColumns = byColumns;
            _team.Run(_split);
            Keep(_threads);
        }
    }

    public void Dispose() => _team?.Dispose();

    // For each name as much memory as the longest operand of that name wants.
    private static Dictionary<string, PinnedBuffer> Memory(IReadOnlyList<BareProduct> products) => products
        .SelectMany(product => new[] { (product.A, product.ShapeA), (product.B, product.ShapeB), (product.C, product.ShapeC) })
        .GroupBy(operand => operand.Item1, operand => operand.Item2.Length)
        .ToDictionary(operands => operands.Key, operands => Random(operands.Max()));

    private static PinnedBuffer Random(long length)
    {
        var buffer = new PinnedBuffer(length);
        var random = new RandomSource((ulong)length);
        foreach (ref float value in buffer.Span)
        {
            value = (random.NextSingle() - 0.5f) * 0.01f;
        }

        return buffer;
    }

    private void RunAlone()
    {
        for (int i = 0; i < _products.Count; i++)
        {
            Product product = _products[i];
            _starts[0, i] = Stopwatch.GetTimestamp();
            product.Run(product.Gemm, 0, product.Gemm.Units, _workspaces[0]);
            _ends[0, i] = Stopwatch.GetTimestamp();
        }

        Keep(1);
    }

    private void Split(int thread)
    {
        for (int i = 0; i < _products.Count; i++)
        {
            _team!.Meet(thread);
            Product product = _products[i];
            Gemm gemm = _byColumns ? product.ByColumns : product.ByRows;
            int begin = Scheduler.Bound(gemm.Units, gemm.Grain, thread, _threads);
            int end = Scheduler.Bound(gemm.Units, gemm.Grain, thread + 1, _threads);
            _starts[thread, i] = Stopwatch.GetTimestamp();
            product.Run(gemm, begin, end, _workspaces[thread]);
            _ends[thread, i] = Stopwatch.GetTimestamp();
        }
    }

    // From the first thread's start to the last one's end: one that wakes late must not make a product look short.
    private void Keep(int threads)
    {
        for (int i = 0; i < _products.Count; i++)
        {
            (long start, long end) = (_starts[0, i], _ends[0, i]);
            for (int t = 1; t < threads; t++)
            {
                (start, end) = (Math.Min(start, _starts[t, i]), Math.Max(end, _ends[t, i]));
            }

            _products[i].Best = Math.Min(_products[i].Best, (end - start) * 1e6 / Stopwatch.Frequency);
        }
    }

    private sealed class Product(Gemm gemm, PinnedBuffer a, PinnedBuffer b, PinnedBuffer c, float alpha, float beta)
    {
        public Gemm Gemm => gemm;

        public Gemm ByColumns { get; } = gemm.ByColumns();

        public Gemm ByRows { get; } = gemm.ByRows();

        public double Best { get; set; } = double.PositiveInfinity;

        public void Run(Gemm part, int begin, int end, PinnedBuffer workspace) =>
            part.Run(alpha, a.Pointer, b.Pointer, beta, c.Pointer, begin, end, workspace.Pointer);
    }
}
