using System.Reflection;
using NativeBackprop.Ops;

namespace NativeBackprop.IO;

/// <summary>An elementwise function that a model file can name: its constructor's parameters are its keys.</summary>
internal sealed record ActivationEntry(string Name, ConstructorInfo Constructor)
{
    /// <summary>The keys in order.</summary>
    public IEnumerable<(string Key, ParameterInfo Parameter)> Keys =>
        Constructor.GetParameters().Select(parameter => (Operation.SnakeCase(parameter.Name!), parameter));

    /// <summary>Whether a name alone says which function it is.</summary>
    public bool HasDefaults => Constructor.GetParameters().All(parameter => parameter.HasDefaultValue);

    public Elementwise Create(object?[] arguments) => (Elementwise)Constructor.Invoke(arguments);
}

/// <summary>
/// The elementwise functions by their names, found among the ops: a new one is known to model files and to the command line
/// without being registered.
/// </summary>
internal static class ActivationCatalog
{
    private static readonly Dictionary<string, ActivationEntry> _entries = typeof(Elementwise).Assembly.GetTypes()
        .Where(type => type is { IsPublic: true, IsAbstract: false } && type.IsSubclassOf(typeof(Elementwise)))
        .Select(type => new ActivationEntry(Operation.SnakeCase(type.Name), ConstructorOf(type)))
        .ToDictionary(entry => entry.Name);

    /// <summary>The names that need no arguments and accept every number, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. _entries.Values.Where(entry => entry.HasDefaults && Create(entry).Domain is null).Select(entry => entry.Name).Order(StringComparer.Ordinal),
    ];

    public static ActivationEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>The function of a name with its default arguments.</summary>
    /// <exception cref="OptionException">There is none of that name that can do without arguments.</exception>
    public static Elementwise Create(string name) => Names.Contains(name)
        ? Create(_entries[name])
        : throw new OptionException($"activation: expected one of {string.Join(", ", Names)}, got '{name}'");

    private static Elementwise Create(ActivationEntry entry) =>
        entry.Create([.. entry.Constructor.GetParameters().Select(parameter => parameter.DefaultValue)]);

    // A record's copy constructor is not public unless the record says so.
    private static ConstructorInfo ConstructorOf(Type type) => type.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)!;
}
