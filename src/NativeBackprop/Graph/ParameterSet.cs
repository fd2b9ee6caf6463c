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
        return _names.TryGetValue(parameter, out string? name) ? name : throw new KeyNotFoundException($"parameter {parameter} is not in the set");
    }

    /// <summary>Each parameter once, in the walk's order.</summary>
    public IEnumerator<Parameter> GetEnumerator() => ((IEnumerable<Parameter>)_parameters).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
