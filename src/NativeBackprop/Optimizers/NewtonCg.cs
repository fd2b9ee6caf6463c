using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>What a step of <see cref="NewtonCg"/> came to.</summary>
/// <remarks>Thread safety: any threads may use it at once, as long as nobody changes the arrays of its direction.</remarks>
/// <param name="LossBefore">The loss where the step started.</param>
/// <param name="LossAfter">The loss where it ended; equal when no length was short enough.</param>
/// <param name="Length">How far along the direction it went: 1 is Newton's full step, 0 none.</param>
/// <param name="Direction">The solve of (H + damping·I)p = −g.</param>
public sealed record NewtonStep(double LossBefore, double LossAfter, double Length, ConjugateGradientResult Direction);

/// <summary>
/// Newton's method with the linear system solved by conjugate gradients on Hessian-vector products: w ← w + αp with
/// (H + damping·I)p = −g, where α is halved from 1 until the loss falls enough (Armijo's rule; Nocedal and Wright, chapter 7). For
/// batches that stay the same over many steps.
/// </summary>
/// <remarks>
/// <para>A step that throws leaves the parameters where they were.</para>
/// <para>Thread safety: for one thread at a time; a second one is refused.</para>
/// </remarks>
public sealed class NewtonCg : IDisposable
{
    // The share of the decrease that the slope promises which a length must deliver, and how often it is halved.
    private const double SufficientDecrease = 1e-4;
    private const int Halvings = 30;

    private readonly Occupancy _use = new("Newton solver");
    private readonly Parameter[] _parameters;
    private readonly Node _loss;
    private readonly Node[] _gradients;
    private readonly HessianOperator _hessian;
    private readonly Plan _gradientPlan, _lossPlan;

    /// <summary>Adds gradients and products to the loss's graph and makes their plans.</summary>
    /// <param name="loss">The scalar to minimise.</param>
    /// <param name="parameters">What to change.</param>
    /// <param name="options">How the plans are made.</param>
    /// <exception cref="GraphException">The loss is not a scalar, or an op on the way has no second derivative.</exception>
    public NewtonCg(Node loss, IEnumerable<Parameter> parameters, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(parameters);
        (_loss, _parameters) = (loss, [.. parameters]);
        foreach (Parameter parameter in _parameters)
        {
            ArgumentNullException.ThrowIfNull(parameter, nameof(parameters));
        }

        Node[] variables = [.. _parameters.Select(parameter => loss.Graph.Variable(parameter))];
        _gradients = loss.Graph.Gradient(loss, variables);
        _hessian = new HessianOperator(loss, variables, options);
        _gradientPlan = loss.Graph.Compile([loss, .. _gradients], options);
        _lossPlan = loss.Graph.Compile([loss], options);
    }

    /// <summary>The Hessian at the parameters' current values.</summary>
    public KrylovOperator Hessian => _hessian;

    /// <summary>Sets an input that the loss reads.</summary>
    /// <exception cref="ShapeException">The number of values is not the input's.</exception>
    /// <exception cref="DataException">A value is NaN or infinite.</exception>
    public NewtonCg Bind(Node input, ReadOnlySpan<float> values)
    {
        using Occupancy.Guard inside = _use.Enter();
        _hessian.Plan.Bind(input, values);
        _gradientPlan.Bind(input, values);
        _lossPlan.Bind(input, values);
        return this;
    }

    /// <summary>Sets class indices that the loss reads.</summary>
    /// <exception cref="ShapeException">The number of indices is not the input's.</exception>
    /// <exception cref="DataException">An index is out of range.</exception>
    public NewtonCg BindLabels(Node input, ReadOnlySpan<int> labels)
    {
        using Occupancy.Guard inside = _use.Enter();
        _hessian.Plan.BindLabels(input, labels);
        _gradientPlan.BindLabels(input, labels);
        _lossPlan.BindLabels(input, labels);
        return this;
    }

    /// <summary>Makes one step and changes the parameters in place.</summary>
    /// <param name="damping">What is added to the Hessian's diagonal, at least 0.</param>
    /// <param name="tolerance">The relative residual at which the solve stops.</param>
    /// <param name="maxIterations">Most Hessian-vector products.</param>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="InvalidOperationException">
    /// A parameter is frozen: this method moves all that it was made for. Or an input is not bound, or another thread is inside.
    /// </exception>
    public NewtonStep Step(double damping = 1e-3, double tolerance = 1e-2, int maxIterations = 50)
    {
        using Occupancy.Guard inside = _use.Enter();
        if (Array.Find(_parameters, parameter => parameter.IsFrozen) is { } frozen)
        {
            throw Refusal.InvalidOperation($"parameter {frozen} is frozen: thaw it, or make a {nameof(NewtonCg)} without it");
        }

        _gradientPlan.Run();
        double before = _gradientPlan[_loss].Item;
        double[] descent = [.. _gradients.SelectMany(gradient => _gradientPlan[gradient].ToArray()).Select(g => -(double)g)];
        ConjugateGradientResult direction = ConjugateGradient.Solve(_hessian, descent, damping, tolerance, maxIterations);
        double slope = -KrylovOperator.Dot(descent, direction.Solution);
        float[][] start = [.. _parameters.Select(parameter => parameter.Value.ToArray())];
        bool isThere = false;
        try
        {
            double length = 1;
            for (int i = 0; i < Halvings; i++, length /= 2)
            {
                MoveTo(start, direction.Solution, length);
                _lossPlan.Run();
                double after = _lossPlan[_loss].Item;
                if (after <= before + (SufficientDecrease * length * slope))
                {
                    isThere = true;
                    Array.ForEach(_parameters, parameter => parameter.MarkWritten());
                    return new NewtonStep(before, after, length, direction);
                }
            }

            return new NewtonStep(before, before, 0, direction);
        }
        finally
        {
            if (!isThere)
            {
                for (int p = 0; p < start.Length; p++)
                {
                    start[p].CopyTo(_parameters[p].Span);
                }
            }
        }
    }

    /// <summary>Stops the plans' threads. Waits for a step on another thread.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a step.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            _hessian.Dispose();
            _gradientPlan.Dispose();
            _lossPlan.Dispose();
        }
    }

    private void MoveTo(float[][] start, double[] direction, double length)
    {
        int at = 0;
        for (int p = 0; p < start.Length; p++)
        {
            Span<float> values = _parameters[p].Span;
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)(start[p][i] + (length * direction[at++]));
            }
        }
    }
}
