using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace NativeBackprop;

/// <summary>
/// The parameters that a walk through layers has found, in its order: each once, under one name or several. A name is the path
/// from the layer that was asked (<c>0.weight</c>). Immutable; safe for any number of threads.
/// </summary>
public sealed class ParameterSet : IReadOnlyList<Parameter>
{
    private readonly (string Name, Parameter Parameter)[] _entries;
    private readonly Parameter[] _parameters;
    private readonly Dictionary<string, Parameter> _byName;
    private readonly Dictionary<Parameter, string> _names = [];

    internal ParameterSet(IEnumerable<(string Name, Parameter Parameter)> entries)
    {
        _entries = [.. entries];
        _byName = _entries.ToDictionary(entry => entry.Name, entry => entry.Parameter);
        foreach ((string name, Parameter parameter) in _entries)
        {
            _names.TryAdd(parameter, name);
        }

        _parameters = [.. _entries.Select(entry => entry.Parameter).Distinct()];
    }

    /// <summary>Number of parameters; one with several names counts once.</summary>
    public int Count => _parameters.Length;

    /// <summary>Number of numbers in all; a parameter with several names counts once.</summary>
    public long Size => _parameters.Sum(parameter => (long)parameter.Shape.Length);

    /// <summary>Every name with its parameter, in the walk's order; a shared parameter stands there once for each of its names.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Entries => _entries;

    /// <summary>The parameter at a position, each parameter counted once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public Parameter this[int index] => (uint)index < (uint)_parameters.Length
        ? _parameters[index]
        : throw new ArgumentOutOfRangeException(nameof(index), index, $"there are {_parameters.Length} parameters");

    /// <summary>The parameter of a name, by any of its names.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message lists the names.</exception>
    public Parameter this[string name] => TryGet(name, out Parameter? parameter)
        ? parameter
        : throw new KeyNotFoundException($"no parameter is named {name}; there are {string.Join(", ", _byName.Keys)}");

    /// <summary>Looks a parameter up by any of its names.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Parameter? parameter)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _byName.TryGetValue(name, out parameter);
    }

    /// <summary>The first name of a parameter.</summary>
    /// <exception cref="KeyNotFoundException">The parameter is not in the set.</exception>
    public string NameOf(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return _names.TryGetValue(parameter, out string? name)
            ? name
            : throw new KeyNotFoundException($"parameter {parameter} is not in the set");
    }

    /// <summary>
    /// Draws values for each parameter that has none yet, in order and from one stream of random numbers. When one cannot be drawn,
    /// none is.
    /// </summary>
    /// <exception cref="InvalidOperationException">A parameter has no rule to draw it by.</exception>
    /// <exception cref="DataException">A rule gave a value that is not finite.</exception>
    /// <exception cref="GraphException">A rule has failed; its exception is the inner one.</exception>
    internal static void Draw(IEnumerable<(string Name, Parameter Parameter)> entries, ulong seed)
    {
        var random = new RandomSource(seed);
        var drawn = new HashSet<Parameter>();
        foreach ((string name, Parameter parameter) in entries)
        {
            if (parameter.IsInitialized || !drawn.Add(parameter))
            {
                continue;
            }

            Action<Span<float>, RandomSource> draw = parameter.Draw ?? throw new InvalidOperationException(
                $"parameter {name} has neither values nor a rule to draw them by: set or load it first");
            try
            {
                draw(parameter.Span, random);
            }
            catch (Exception e) when (e is not (NativeBackpropException or OutOfMemoryException))
            {
                throw new GraphException($"the initial values of {name} could not be drawn: {e.Message}", e);
            }

            if (FiniteCheck.IndexOfNonFinite(parameter.Span) is var at && at >= 0)
            {
                throw new DataException(
                    $"the rule for the initial values of {name} gave {parameter.Span[at]} at {at}, expected a finite number");
            }
        }

        foreach (Parameter parameter in drawn)
        {
            parameter.MarkWritten();
        }
    }

    /// <summary>Each parameter once, in the walk's order.</summary>
    public IEnumerator<Parameter> GetEnumerator() => ((IEnumerable<Parameter>)_parameters).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
