using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// Random graphs of slices, concatenations, pads, reshapes, products of several ranks, functions and gradients, with random outputs: what
/// a plan computes, wherever it puts values and however it splits the work, is what the reference computes.
/// </summary>
[TestFixture]
public sealed class RandomGraphTests
{
    private const int MostElements = 1500;

    [Test]
    public void Whatever_is_placed_copied_merged_or_overwritten_the_values_are_the_references([Range(0, 9)] int block)
    {
        for (int i = 0; i < 25; i++)
        {
            ulong seed = (ulong)((block * 25) + i);
            (Net net, Node[] outputs) = Build(new RandomSource(1000 + seed), seed);
            net.AssertAgrees(outputs, $"seed {seed}", 1e-4);
        }
    }

    private static (Net Net, Node[] Outputs) Build(RandomSource random, ulong seed)
    {
        var net = new Net(seed);
        var nodes = new List<Node>
        {
            net.Input("sequence", [4, Shape.Batch, 3]), net.Input("batch", [Shape.Batch, 2, 3]), net.Input("flat", [Shape.Batches(2), 3]),
            net.Input("matrix", [6, 3]), net.Variable("weight", [3, 3], 0.5f), net.Variable("square", [3, 3], 0.5f),
            net.Variable("row", [3]),
        };
        int leaves = nodes.Count, length = 4 + random.NextInt(22);
        var outputs = new List<Node>();
        while (nodes.Count < leaves + length)
        {
            Node x = nodes[Pick(random, nodes.Count)], y = nodes[Pick(random, nodes.Count)];
            if (Next(net, random, nodes, x, y) is { } next && next.Shape.Resolve(Net.BatchSize).Length <= MostElements)
            {
                nodes.Add(next);
                if (random.NextInt(5) == 0)
                {
                    outputs.Add(next);
                }
            }
        }

        outputs.Add(nodes[^1]);
        return (net, [.. outputs.Distinct()]);
    }

    // Rather one of the last ones, so that graphs are deep.
    private static int Pick(RandomSource random, int count) =>
        random.NextInt(2) == 0 ? random.NextInt(count) : count - 1 - random.NextInt(Math.Min(count, 4));

    private static Node? Next(Net net, RandomSource random, List<Node> nodes, Node x, Node y)
    {
        int axis = x.Shape.Rank == 0 ? 0 : random.NextInt(2) == 0 ? 0 : random.NextInt(x.Shape.Rank);
        int extent = x.Shape.Rank == 0 ? 0 : x.Shape[axis];
        switch (random.NextInt(13))
        {
            case 0 or 1 when extent > 1:
                int start = random.NextInt(extent);
                return x.Slice(axis, start, 1 + random.NextInt(extent - start));
            case 2 or 3 when extent > 0:
                Node[] parts = [x, .. nodes.Where(node => node.Shape.Rank == x.Shape.Rank && node.Shape[axis] > 0
                    && node.Shape.With(axis, 1).Equals(x.Shape.With(axis, 1))).OrderBy(_ => random.NextInt(100)).Take(2)];
                return net.Graph.Concatenate(axis, [.. parts.OrderBy(_ => random.NextInt(100))]);
            case 4 when extent > 0:
                return net.Graph.Add(new Pad(axis, random.NextInt(3), random.NextInt(3)), x);
            case 5:
                return Reshaped(random, x);
            case 6:
                return random.NextInt(2) == 0 ? x.Tanh() : x.Sin();
            case 7:
                Node[] same = [.. nodes.Where(node => node.Shape.Equals(x.Shape))];
                Node other = same[random.NextInt(same.Length)];
                return random.NextInt(3) == 0 ? (x * other).Tanh() : 0.5f * (x + other);
            case 8 when x.Shape.Rank > 0 && x.Shape[-1] == 3:
                Node weight = nodes[4 + random.NextInt(2)];
                return x.Shape.Rank == 1 ? x + nodes[6] : random.NextInt(2) == 0 ? 0.5f * x.MatMul(weight) : x.MatMul(weight) + nodes[6];
            case 9 when x.Shape.Rank > 1:
                return (x.Shape.Rank == 2 && y.Shape.Rank == 2 && x.Shape[0] == y.Shape[0] ? x.MatMul(y, transposeLeft: true)
                    : x.Shape[-2] > 0 ? x.MatMul(x, transposeRight: true) : null)?.Tanh();
            case 10 when x.Shape.Rank > 0:
                return x.Sum(axis, random.NextInt(2) == 0).Tanh();
            case 11 or 12 when x.Op is not Input and not Variable:
                Node[] below = [.. OpCase.Reachable([x]).OrderBy(node => node.Index)];
                return net.Graph.Gradient((x * x.Cos()).Sum(), below[random.NextInt(below.Length)])[0].Tanh();
            default:
                return null;
        }
    }

    private static Node? Reshaped(RandomSource random, Node x)
    {
        Shape shape = x.Shape;
        return random.NextInt(3) switch
        {
            0 when shape.Rank > 2 && shape.Extents[..2].ToArray().Count(extent => extent < 0) < 2 =>
                x.Reshape([shape.Product(0, 2), .. shape.Extents[2..]]),
            1 when shape.Rank < 4 => x.Reshape([1, .. shape]),
            2 when shape.Rank > 1 && shape[0] == 1 => x.Reshape(shape.Without(0)),
            _ => null,
        };
    }
}
