using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>A copy of all values that a model's graph reads: one version of it, which never changes.</summary>
/// <param name="variables">The variables, in the graph's order.</param>
/// <exception cref="InvalidOperationException">One has no values yet.</exception>
internal sealed class ModelVersion(IReadOnlyList<Node> variables)
{
    private static long _count;

    private readonly PinnedBuffer[] _values = [.. variables.Select(variable => new PinnedBuffer(((Variable)variable.Op).Parameter.Value))];

    // Told apart by number, so that no plan keeps a version alive that nobody computes with any more.
    private readonly long _number = Interlocked.Increment(ref _count);

    /// <summary>Lets a plan read this version. The caller keeps it alive until the plan has run.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="own">The same variables as the plan's graph has them.</param>
    public void Bind(Plan plan, Node[] own) => plan.Rebind(own, _values, _number);
}
