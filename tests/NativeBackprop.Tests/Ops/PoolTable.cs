using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;
using static NativeBackprop.Tests.Ops.OpTable;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows for pooling: windows that touch, that overlap, that leave pixels out, and that reach into the padding.</summary>
internal static class PoolTable
{
    private static readonly PoolWindow Touching = new(2, 2, 2, 2, 0, 0), Overlapping = new(3, 2, 2, 1, 1, 1),
        Sparse = new(1, 2, 2, 3, 0, 0), Signal = PoolWindow.OfSignal(3, 2, 1);

    public static IEnumerable<OpRow> Rows =>
    [
        .. Of("touching", Touching, n => [Shape.Batch, 4, 6, n]),
        .. Of("overlapping", Overlapping, n => [Shape.Batch, 5, 4, n]),
        .. Of("apart", Sparse, n => [Shape.Batch, 3, 6, n]),
        .. Of("of signals", Signal, n => [Shape.Batch, 8, n]),
        .. Of("of one channel", Overlapping, _ => [Shape.Batch, 5, 6, 1]),
        Row("sum_pool_gradient that repeats pixels", new SumPoolGradient(Touching, 1, [Shape.Batch, 6, 4, 5]),
            OpTable.Of(Normal, _ => [Shape.Batch, 3, 2, 5])),
    ];

    private static IEnumerable<OpRow> Of(string name, PoolWindow window, Func<int, Shape> shape)
    {
        Shape Results(int n) => window.Results(shape(n));
        RowOperand x = OpTable.Of(Distinct(), shape), dy = OpTable.Of(Normal, Results);
        var max = new MaxPool(window);
        yield return Row($"max_pool {name}", max, x);
        yield return Row($"max_pool_gradient {name}", new MaxPoolGradient(window), dy, x, Maxima);
        yield return Row($"max_pool_select {name}", new MaxPoolSelect(window), OpTable.Of(Normal, shape), x, Maxima);
        yield return Row($"sum_pool {name}", new SumPool(window, 0.25f), x);
        yield return new OpRow($"sum_pool_gradient {name}", typeof(SumPoolGradient), (graph, operands) =>
            graph.Add(new SumPoolGradient(window, 0.25f, shape(operands[0].Shape[-1])), operands[0]), dy);

        Node Maxima(Node[] operands) => operands[1].Graph.Add(max, operands[1]);
    }
}
