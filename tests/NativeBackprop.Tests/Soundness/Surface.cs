using System.Globalization;
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

    /// <summary>Types and members as lines of text, the same from build to build as long as the surface is.</summary>
    public static IEnumerable<string> Lines()
    {
        foreach (Type type in Types)
        {
            yield return $"{type.Namespace}: {Kind(type)} {Text(type)}{Base(type)}";
            IEnumerable<string> members = type.IsEnum
                ? type.GetEnumNames().Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}")
                : type.GetMembers(Declared | BindingFlags.NonPublic).Where(IsVisible).Select(Signature);
            foreach (string member in members.Order(StringComparer.Ordinal))
            {
                yield return $"    {member}";
            }
        }
    }

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

    // What code outside can call or override: public members, and protected ones of types that it may derive from.
    private static bool IsVisible(MemberInfo member) => IsSpeakable(member.Name) && member switch
    {
        MethodBase method => method.IsPublic || (method.IsFamily || method.IsFamilyOrAssembly) && IsOpen(method.DeclaringType!),
        FieldInfo field => field.IsPublic || field.IsFamily && IsOpen(field.DeclaringType!),
        _ => false,
    };

    private static bool IsOpen(Type type) => !type.IsSealed
        && type.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
            .Any(constructor => constructor.IsPublic || constructor.IsFamily || constructor.IsFamilyOrAssembly);

    private static string Signature(MemberInfo member) => member switch
    {
        MethodInfo method => $"{Modifier(method)}{Text(method.ReturnType)} {method.Name}{Generic(method)}({Parameters(method)})",
        ConstructorInfo constructor => $"{Modifier(constructor)}new({Parameters(constructor)})",
        FieldInfo { IsLiteral: true } field => $"const {Text(field.FieldType)} {field.Name} = {field.GetRawConstantValue()}",
        FieldInfo field => $"{(field.IsStatic ? "static " : "")}{Text(field.FieldType)} {field.Name}",
        _ => member.Name,
    };

    private static string Modifier(MethodBase method) =>
        (method.IsPublic ? "" : "protected ") + (method.IsStatic ? "static " : method.IsAbstract ? "abstract " : "");

    private static string Generic(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Text))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{Text(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? $" = {Default(parameter)}" : "")}"));

    private static string Default(ParameterInfo parameter) =>
        Convert.ToString(parameter.DefaultValue, CultureInfo.InvariantCulture) is { Length: > 0 } value ? value : "default";

    private static string Kind(Type type) => type.IsEnum ? "enum"
        : type.IsInterface ? "interface"
        : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
        : type.IsValueType ? type.IsByRefLike ? "ref struct" : "struct"
        : type.IsAbstract ? type.IsSealed ? "static class" : "abstract class"
        : type.IsSealed ? "sealed class" : "class";

    private static string Base(Type type)
    {
        string[] bases =
        [
            .. new[] { type.BaseType }.OfType<Type>().Where(known => known.Assembly == Library || known == typeof(Exception)).Select(Text),
            .. type.GetInterfaces().Where(face => face.IsPublic && !type.IsEnum).Select(Text).Order(StringComparer.Ordinal),
        ];
        return bases.Length > 0 ? $" : {string.Join(", ", bases)}" : "";
    }
}
