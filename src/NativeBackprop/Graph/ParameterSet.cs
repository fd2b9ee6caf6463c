using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace NativeBackprop;

/// <summary>Parameters with distinct names in one pinned arena, in a fixed order.</summary>
public sealed unsafe class ParameterSet : IReadOnlyList<Parameter>
{
    private readonly List<Parameter> _parameters;
    private readonly Dictionary<string, Parameter> _byName = [];

    /// <summary>Allocates zeroed memory for every parameter, each on a 64-byte boundary.</summary>
    /// <exception cref="GraphException">Two parameters share a name, or one has memory already.</exception>
    public ParameterSet(IEnumerable<Parameter> parameters)
    {
        _parameters = [.. parameters];
        var arena = new Arena();
        var offsets = new List<long>();
        foreach (Parameter parameter in _parameters)
        {
            if (!_byName.TryAdd(parameter.Name, parameter))
            {
                throw new GraphException($"two parameters are named {parameter.Name}");
            }

            if (parameter.HasMemory)
            {
                throw new GraphException($"parameter {parameter.Name} belongs to a set already");
            }

            offsets.Add(arena.Reserve(parameter.Shape.Length));
        }

        arena.Allocate();
        for (int i = 0; i < _parameters.Count; i++)
        {
            _parameters[i].Place(new Tensor(arena.Buffer, arena.At(offsets[i]), _parameters[i].Shape));
        }
    }

    /// <inheritdoc/>
    public int Count => _parameters.Count;

    /// <summary>Number of numbers in all.</summary>
    public long Size => _parameters.Sum(parameter => (long)parameter.Shape.Length);

    /// <inheritdoc/>
    public Parameter this[int index] => _parameters[index];

    /// <summary>The parameter of that name.</summary>
    /// <exception cref="GraphException">There is none; the message lists the names.</exception>
    public Parameter this[string name] => _byName.TryGetValue(name, out Parameter? parameter)
        ? parameter
        : throw new GraphException($"no parameter is named {name}; there are {string.Join(", ", _byName.Keys)}");

    /// <summary>Looks a parameter up by name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Parameter? parameter) => _byName.TryGetValue(name, out parameter);

    /// <inheritdoc/>
    public IEnumerator<Parameter> GetEnumerator() => _parameters.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
