namespace NativeBackprop.Tests.Soundness;

/// <summary>The members that can be called, and which of them make or take what.</summary>
internal static class Catalogue
{
    private static readonly Dictionary<Type, PublicCall[]> _makers = [], _users = [];

    // How the members begin that compute.
    private static readonly string[] _work =
        ["Run", "Step", "Fit", "Forward", "Backward", "Update", "Predict", "Publish", "Evaluate", "Apply"];

    /// <summary>Every public member, also those that only code written for them can reach.</summary>
    public static IReadOnlyList<PublicCall> All { get; } = [.. Surface.Members.Select(member => new PublicCall(member))];

    /// <summary>What a driver can call, initialisers apart: those are set on new objects.</summary>
    public static IReadOnlyList<PublicCall> Calls { get; } = [.. All.Where(call => call.CanBeCalled && !call.IsInitializer)];

    /// <summary>The setters of a type that only an object initialiser may set.</summary>
    public static ILookup<Type, PublicCall> Initializers { get; } =
        All.Where(call => call.CanBeCalled && call.IsInitializer).ToLookup(call => call.Declaring);

    /// <summary>Types written by users, each with a constructor without arguments: the public classes of UserTypes.cs.</summary>
    public static IReadOnlyList<PublicCall> UserMade { get; } =
    [
        .. typeof(Catalogue).Assembly.GetExportedTypes()
            .Where(type => type.Namespace == typeof(Catalogue).Namespace && (type != typeof(PlantedOp) || PlantedOp.IsWanted))
            .Where(type => type.BaseType?.Assembly == Surface.Library).Select(type => new PublicCall(type.GetConstructor([])!)),
    ];

    /// <summary>
    /// Types worth a sequence of their own: whatever has a public way to be made, and does something. One that computes or holds memory
    /// stands here several times; a record of options or results is soon tried out.
    /// </summary>
    public static IReadOnlyList<Type> Goals { get; } =
    [
        .. Surface.Types.Where(type => type.IsClass && !typeof(Exception).IsAssignableFrom(type) && !(type.IsAbstract && type.IsSealed))
            .Where(type => Calls.Any(call => type.IsAssignableFrom(call.Result)))
            .SelectMany(type => Enumerable.Repeat(type, WeightOf(type))),
    ];

    private static int WeightOf(Type type) => UsersOf(type).Any(IsWork) ? 60
        : typeof(IDisposable).IsAssignableFrom(type) ? 16
        : typeof(IEquatable<>).MakeGenericType(type).IsAssignableFrom(type) ? 1 : 4;

    /// <summary>True for the calls that everything else is there for.</summary>
    public static bool IsWork(PublicCall call) =>
        call.Inputs is [{ Name: "this" }, ..] && Array.Exists(_work, word => call.Name.StartsWith(word, StringComparison.Ordinal));

    /// <summary>The calls that give an object of a type, directly or in an array.</summary>
    public static PublicCall[] MakersOf(Type type)
    {
        lock (_makers)
        {
            if (!_makers.TryGetValue(type, out PublicCall[]? makers))
            {
                _makers.Add(type, makers = [.. Calls.Concat(UserMade).Where(call => Gives(call, type))]);
            }

            return makers;
        }
    }

    /// <summary>The calls that can be made on an object of a type, or with it as their first argument.</summary>
    public static PublicCall[] UsersOf(Type type)
    {
        lock (_users)
        {
            if (!_users.TryGetValue(type, out PublicCall[]? users))
            {
                _users.Add(type, users = [.. Calls.Where(call => call.Inputs.Count > 0 && Takes(call.Inputs[0].Type, type))]);
            }

            return users;
        }
    }

    private static bool Gives(PublicCall call, Type type) =>
        type.IsAssignableFrom(call.Result) || (call.Result.IsArray && type.IsAssignableFrom(call.Result.GetElementType()));

    private static bool Takes(Type input, Type type) => input != typeof(object) && input.IsAssignableFrom(type);
}
