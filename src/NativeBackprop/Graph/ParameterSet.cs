using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace NativeBackprop;

/// <summary>
/// The parameters that a walk through layers has found, in its order: each once, under one name or several. A name is the path
/// from the layer that was asked (<c>0.weight</c>).
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. The values are those of the parameters: see
/// <see cref="Parameter"/>.</remarks>
public sealed class ParameterSet : IReadOnlyList<Parameter>
{
    private readonly Parameter[] _parameters;
    private readonly Dictionary<string, Parameter> _byName;
    private readonly Dictionary<Parameter, string> _names = [];

    internal ParameterSet(IEnumerable<(string Name, Parameter Parameter)> entries)
    {
        (string Name, Parameter Parameter)[] all = [.. entries];
        Entries = Array.AsReadOnly(all);
        _byName = all.ToDictionary(entry => entry.Name, entry => entry.Parameter);
        foreach ((string name, Parameter parameter) in all)
        {
            _names.TryAdd(parameter, name);
        }

        _parameters = [.. all.Select(entry => entry.Parameter).Distinct()];
    }

    /// <summary>Number of parameters; one with several names counts once.</summary>
    public int Count => _parameters.Length;

    /// <summary>Number of numbers in all; a parameter with several names counts once.</summary>
    public long Size => _parameters.Sum(parameter => (long)parameter.Shape.Length);

    /// <summary>Every name with its parameter, in the walk's order; a shared parameter stands there once for each of its names.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Entries { get; }

    /// <summary>
    /// For a set that can become another one by being loaded, as states do: what a file of some names is to be read into. Null for a set
    /// that stays as it is.
    /// </summary>
    internal Func<IReadOnlySet<string>, StateDraft>? Draft { get; init; }

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

    /// <summary>The same parameters with a number behind each name that is taken already: <c>w</c>, <c>w.1</c>.</summary>
    internal static IReadOnlyList<(string Name, Parameter Parameter)> WithUniqueNames(
        IEnumerable<(string Name, Parameter Parameter)> entries)
    {
        var taken = new HashSet<string>();
        var result = new List<(string, Parameter)>();
        foreach ((string name, Parameter parameter) in entries)
        {
            string unique = name;
            for (int i = 1; !taken.Add(unique); i++)
            {
                unique = $"{name}.{i}";
            }

            result.Add((unique, parameter));
        }

        return result;
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

            Action<Span<float>, RandomSource> draw = parameter.Draw ?? throw Refusal.InvalidOperation(
                $"parameter {name} has neither values nor a rule to draw them by: set or load it first");
            try
            {
                draw(parameter.Span, random);
            }
            catch (Exception e) when (UserCode.IsForeign(e))
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

/// <summary>What a file is read into before it takes effect.</summary>
/// <param name="Entries">The parameters to load, by name.</param>
/// <param name="Commit">Called once they are loaded.</param>
internal sealed record StateDraft(IReadOnlyList<(string Name, Parameter Parameter)> Entries, Action Commit);
