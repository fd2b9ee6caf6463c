using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

namespace NativeBackprop.Tests.Training;

/// <summary>Two linear towers over two inputs whose sum is compared with a target: mean (left(a) + right(b) − t)².</summary>
internal sealed class Towers : IDisposable
{
    private readonly Sequential _left = new(new Linear(2, 1)), _right = new(new Linear(1, 1, bias: false));

    public Towers(
        Optimizer optimizer, TrainingStepOptions? options = null, ulong seed = 1, bool freezeFirst = false, Func<Node, Node?>? build = null)
    {
        var context = new BuildContext(new Graph(), BuildMode.Training, seed);
        A = context.Graph.Input("a", [Shape.Batch, 2]);
        B = context.Graph.Input("b", [Shape.Batch, 1]);
        T = context.Graph.Input("t", [Shape.Batch, 1]);
        Output = _left.Build(A, context.Child("left")) + _right.Build(B, context.Child("right"));
        Cost = (Output - T).Square().Mean();
        Parameters = [.. _left.Parameters, .. _right.Parameters];
        if (freezeFirst)
        {
            Parameters[0].Freeze();
        }

        _ = build?.Invoke(Output);
        Step = new TrainingStep(context, Cost, Parameters, optimizer, options);
    }

    public Node A { get; }

    public Node B { get; }

    public Node T { get; }

    public Node Output { get; }

    public Node Cost { get; }

    public TrainingStep Step { get; }

    /// <summary>Left weight, left bias, right weight.</summary>
    public List<Parameter> Parameters { get; }

    public float[] Values => [.. Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    public float Run(float[] a, float[] b, float[] t) => Step.Bind(A, a).Bind(B, b).Bind(T, t).Run();

    /// <summary>The values after one step of gradient descent, worked out by hand.</summary>
    public float[][] ByHand(float rate, float[] a, float[] b, float[] t)
    {
        float[][] values = [.. Parameters.Select(parameter => parameter.Value.ToArray())];
        float[][] result = [.. values.Select(value => value.ToArray())];
        for (int i = 0; i < t.Length; i++)
        {
            float y = (a[2 * i] * values[0][0]) + (a[(2 * i) + 1] * values[0][1]) + values[1][0] + (b[i] * values[2][0]);
            float d = rate * 2 * (y - t[i]) / t.Length;
            result[0][0] -= d * a[2 * i];
            result[0][1] -= d * a[(2 * i) + 1];
            result[1][0] -= d;
            result[2][0] -= d * b[i];
        }

        return result;
    }

    public void Dispose() => Step.Dispose();
}
