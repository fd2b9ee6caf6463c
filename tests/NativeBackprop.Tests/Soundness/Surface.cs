using System.Reflection;

namespace NativeBackprop.Tests.Soundness;

/// <summary>What the library shows to its users: every public type, and every public member that code can name.</summary>
internal static class Surface
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>The library.</summary>
    public static Assembly Library { get; } = typeof(Graph).Assembly;

    /// <summary>The public types, by name.</summary>
    public static IReadOnlyList<Type> Types { get; } =
        [.. Library.GetExportedTypes().Where(type => IsSpeakable(type.FullName!)).OrderBy(type => type.FullName, StringComparer.Ordinal)];

    /// <summary>The public constructors, methods, accessors, operators and fields, each once, where it is declared.</summary>
    public static IEnumerable<MemberInfo> Members => Types
        .Where(type => !type.IsEnum && !typeof(Delegate).IsAssignableFrom(type))
        .SelectMany(type => type.GetMembers(Declared))
        .Where(member => member is MethodBase or FieldInfo && IsSpeakable(member.Name))
        .Where(member => member is not ConstructorInfo { DeclaringType.IsAbstract: true });

    /// <summary>A type as C# writes it.</summary>
    public static string Text(Type type)
    {
        if (type.IsByRef)
        {
            return $"ref {Text(type.GetElementType()!)}";
        }

        if (type.IsArray)
        {
            return $"{Text(type.GetElementType()!)}[]";
        }

        if (!type.IsGenericType)
        {
            return type.IsNested && !type.IsGenericParameter ? $"{Text(type.DeclaringType!)}.{type.Name}" : type.Name;
        }

        string name = type.Name.Contains('`') ? type.Name[..type.Name.IndexOf('`')] : type.Name;
        return $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Text))}>";
    }

    /// <summary>A member with its parameters, in a form that is the same from run to run.</summary>
    public static string Text(MemberInfo member) => member is MethodBase method
        ? $"{Text(member.DeclaringType!)}.{member.Name}({string.Join(", ", method.GetParameters().Select(p => Text(p.ParameterType)))})"
        : $"{Text(member.DeclaringType!)}.{member.Name}";

    // What the compiler makes for itself has names that no source can spell.
    private static bool IsSpeakable(string name) => !name.Contains('<');
}
