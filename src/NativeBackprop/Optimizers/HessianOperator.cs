using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// The Hessian of a scalar with respect to some nodes, laid end to end, as a matrix that is never formed: a plan that computes Hv for
/// the v it is given, at less than three times the cost of a gradient (Pearlmutter 1994). Through a relu's kink the second derivative
/// counts as 0.
/// </summary>
/// <remarks>Thread safety: for one thread at a time; a second one is refused.</remarks>
public sealed class HessianOperator : KrylovOperator, IDisposable
{
    private readonly Occupancy _use = new("Hessian operator");
    private readonly Node[] _vectors, _products;
    private readonly Node _loss;
    private readonly bool[] _isRead;

    /// <summary>Adds the products to the loss's graph and makes their plan. Refused, it adds nothing.</summary>
    /// <param name="loss">The scalar f.</param>
    /// <param name="withRespectTo">The nodes whose elements are the rows and columns, in order; of known shapes.</param>
    /// <param name="options">How the plan is made.</param>
    /// <exception cref="GraphException">The loss is not a scalar, or an op on the way has no second derivative.</exception>
    /// <exception cref="ShapeException">A node's shape depends on the batch size.</exception>
    /// <exception cref="OptionException">There is no node to differentiate with respect to.</exception>
    public HessianOperator(Node loss, ReadOnlySpan<Node> withRespectTo, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        if (withRespectTo.IsEmpty)
        {
            throw new OptionException("a Hessian needs at least one node to differentiate with respect to, got none");
        }

        foreach (Node node in withRespectTo)
        {
            ArgumentNullException.ThrowIfNull(node, nameof(withRespectTo));
        }

        using Graph.Building building = loss.Graph.Begin();
        _vectors = new Node[withRespectTo.Length];
        for (int i = 0; i < _vectors.Length; i++)
        {
            _vectors[i] = loss.Graph.Input($"v.{withRespectTo[i]}", withRespectTo[i].Shape);
            Size = checked(Size + withRespectTo[i].Shape.Length);
        }

        _loss = loss;
        _products = loss.Graph.HessianVectorProduct(loss, withRespectTo, _vectors);

        // A block in which the loss is linear has no product to read its vector.
        bool[] needed = loss.Graph.Needed(_products);
        _isRead = [.. _vectors.Select(vector => needed[vector.Index])];

        // With the loss among the outputs the plan reads every input that the loss reads, also those that its Hessian does not depend on.
        Plan = loss.Graph.Compile([loss, .. _products], options);
        building.Complete();
    }

    /// <inheritdoc/>
    public override int Size { get; }

    /// <summary>The plan, for binding the inputs that the loss reads.</summary>
    public Plan Plan { get; }

    /// <summary>The loss, as the last product's run computed it.</summary>
    public float Loss => Plan[_loss].Item;

    /// <inheritdoc/>
    /// <exception cref="ShapeException">A length is not <see cref="Size"/>.</exception>
    /// <exception cref="DataException">An element of the vector is not finite.</exception>
    /// <exception cref="InvalidOperationException">An input of the loss is not bound, or another thread is inside.</exception>
    public override void Apply(ReadOnlySpan<double> v, Span<double> product)
    {
        using Occupancy.Guard inside = _use.Enter();
        Require("the vector", v.Length);
        Require("the product", product.Length);
        int at = 0;
        for (int k = 0; k < _vectors.Length; k++)
        {
            int length = _vectors[k].Shape.Length;
            Span<float> slot = _isRead[k] ? Plan.Fill(_vectors[k]) : [];
            for (int i = 0; i < slot.Length; i++)
            {
                slot[i] = float.IsFinite((float)v[at + i]) ? (float)v[at + i]
                    : throw new DataException($"the vector's element {at + i} is {v[at + i]}, expected a finite number in float's range");
            }

            at += length;
        }

        Plan.Run();
        at = 0;
        foreach (Node block in _products)
        {
            foreach (float value in Plan[block].Span)
            {
                product[at++] = value;
            }
        }
    }

    /// <summary>Stops the plan's threads. Waits for a product on another thread.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a product.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            Plan.Dispose();
        }
    }
}
