using System.Reflection;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// Makes arguments. Most of them fit together: a sequence has a few sizes, from which shapes, lengths and options are taken, so that long
/// chains of calls succeed. Some are wild: null, empty, huge, negative, not a number, of the wrong length, of another graph.
/// </summary>
internal sealed class Arguments
{
    private const int Deepest = 5;

    private readonly Actor _actor;
    private readonly Random _random;
    private readonly double _wildness;
    private readonly int[] _sizes;

    public Arguments(Actor actor, Random random, Random sizes)
    {
        (_actor, _random) = (actor, random);
        _wildness = sizes.Next(4) switch { 0 => 0, 1 => 0.01, 2 => 0.05, _ => 0.3 };
        int size = sizes.Next(12) == 0 ? sizes.Next(9, 71) : sizes.Next(1, 9);
        _sizes = sizes.Next(3) == 0 ? [sizes.Next(0, 9), sizes.Next(1, 9), size] : [size, size, size];
        Batch = sizes.Next(1, 6);
    }

    /// <summary>The usual number of rows.</summary>
    public int Batch { get; }

    private bool IsWild => _random.NextDouble() < _wildness;

    private int Size => _sizes[_random.Next(_sizes.Length)];

    /// <summary>Makes one argument; false when nothing of the type can be made.</summary>
    public bool TryMake(CallInput input, CallHints hints, int depth, out object? value)
    {
        Type type = input.Type;
        value = null;
        if (input.Name != "this" && !type.IsValueType && (IsWild ? _random.Next(3) == 0 : input.MayBeNull && _random.Next(2) == 0))
        {
            return true;
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return (_random.Next(2) == 0 && !IsBatch(input.Name)) || TryMake(input with { Type = underlying }, hints, depth, out value);
        }

        if (type.IsArray)
        {
            return TryMakeArray(input, type.GetElementType()!, hints, depth, out value);
        }

        value = MakeSimple(input, hints);
        if (value is not null)
        {
            return true;
        }

        return type.Assembly == Surface.Library ? TryMakeObject(type, input.Name, hints, depth, out value)
            : TryMakeGeneric(input, hints, depth, out value);
    }

    /// <summary>Sets some of a new object's init-only properties, and most of the time gives it first values where it needs them.</summary>
    public void Initialize(object made, int depth)
    {
        PublicCall[] users = Catalogue.UsersOf(made.GetType());
        if (_random.Next(3) > 0 && Array.Find(users, call => call.Name is "Initialize" or "Set" && call.Inputs.Count == 2) is { } first)
        {
            _actor.CallOn(first, made, depth + 1);
        }

        for (Type? type = made.GetType(); type is not null && type.Assembly == Surface.Library; type = type.BaseType)
        {
            foreach (PublicCall setter in Catalogue.Initializers[type])
            {
                if (IsBatch(setter.Name) || _random.Next(3) == 0)
                {
                    _actor.CallOn(setter, made, depth + 1);
                }
            }
        }
    }

    private static bool Has(string name, params ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (name.Contains(word, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsBatch(string name) => Has(name, "batchsize", "maxbatch");

    private object? MakeSimple(CallInput input, CallHints hints)
    {
        string name = input.Name;
        Type type = input.Type;
        if (type.IsEnum)
        {
            Array values = type.GetEnumValues();
            return IsWild ? Enum.ToObject(type, _random.Next(-2, 100)) : values.GetValue(_random.Next(values.Length));
        }

        return Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean => _random.Next(2) == 0,
            TypeCode.Int32 => MakeInt(name, hints),
            TypeCode.Int64 => (long)MakeInt(name, hints) * (IsWild ? 1L << 33 : 1),
            TypeCode.UInt64 => (ulong)MakeInt(name, hints),
            TypeCode.Byte => (byte)_random.Next(256),
            TypeCode.Single => (float)MakeNumber(name),
            TypeCode.Double => MakeNumber(name),
            TypeCode.String => MakeString(name),
            _ when type == typeof(Shape) => MakeShape(hints),
            _ when type == typeof(object) => _actor.Pool.TryPick(typeof(object), _random, out object? any) ? any : "an object",
            _ when type == typeof(CancellationToken) => new CancellationToken(_random.Next(8) == 0),
            _ when type == typeof(Stream) => new MemoryStream(_actor.Files.SomeContent(_random)),
            _ when type == typeof(TextReader) => new StringReader("1,2,3\n4,5,6\n"),
            _ when type == typeof(TextWriter) => new StringWriter(),
            _ when type.FullName == "Microsoft.Extensions.Logging.ILogger" => Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            _ => null,
        };
    }

    private int MakeInt(string name, CallHints hints)
    {
        bool isWild = IsWild;
        if (Has(name, "thread"))
        {
            return isWild ? Pick(-1, 1025, int.MaxValue, int.MinValue) : _random.Next(0, 4);
        }

        // Whatever a loop may run to has to stay small: a loop of 2^31 rounds that does what it says is no hang.
        if (Has(name, "epoch", "step", "iteration", "count", "segments", "repeat", "patience", "warmup", "capacity", "length"))
        {
            return isWild ? Pick(0, -1, int.MinValue) : _random.Next(1, 4);
        }

        if (isWild)
        {
            return Pick(-1, -2, 0, 9, 100_000, 46_341, 65_536, int.MaxValue, int.MinValue, Shape.Batch);
        }

        return Has(name, "batch", "rows") ? hints.Batch
            : Has(name, "axis", "dimension", "index", "input", "group", "seed", "version") && !Has(name, "inputs") ? _random.Next(-1, 3)
            : _random.Next(8) == 0 ? _random.Next(0, 9) : Size;
    }

    private double MakeNumber(string name)
    {
        if (IsWild)
        {
            return Pick(
                double.NaN, double.PositiveInfinity, double.NegativeInfinity, float.MaxValue, -float.MaxValue, float.Epsilon, -0.0, -1);
        }

        return Has(name, "rate", "momentum", "decay", "beta", "rho", "probability", "fraction", "smoothing", "factor", "epsilon", "damping",
            "tolerance")
            ? Pick(0, 0.001, 0.1, 0.5, 0.9)
            : _random.Next(3) == 0 ? Pick(0, 1, -1, 0.5, 2) : (_random.NextDouble() * 2) - 1;
    }

    private string MakeString(string name) => Has(name, "path", "file", "folder", "directory", "spec")
        ? _actor.Files.SomePath(_random)
        : IsWild
            ? Pick("", " ", "\0", "a.b", "../x", new string('n', 5000), "ü")
            : Pick("x", "y", "weight", "bias", "0.weight", "0", "tower", "head", "label", "relu", "mse", "w" + _random.Next(5), "1");

    private Shape MakeShape(CallHints hints)
    {
        if (IsWild)
        {
            return Pick<Shape>(
                [0], [Size, 0, Size], [100_000, 100_000], [int.MaxValue], [1, 1, 1, 1, 1, 1, 1, 1], [Shape.Batch, Shape.Batch]);
        }

        return _random.Next(12) switch
        {
            < 5 => [Shape.Batch, Size],
            5 => [],
            6 => [Size],
            7 or 8 => [Size, Size],
            9 => [hints.Batch, Size],
            10 => [Shape.Batch],
            _ => [Shape.Batch, Size, _random.Next(1, 4)],
        };
    }

    private bool TryMakeArray(CallInput input, Type element, CallHints hints, int depth, out object? value)
    {
        int length = element == typeof(float) || element == typeof(double) ? NumbersFor(input.Name, hints)
            : element == typeof(int) ? IndicesFor(input.Name, hints)
            : IsWild ? _random.Next(0, 12) : _random.Next(1, 4);
        Array array = Array.CreateInstance(element, length);
        value = array;
        bool isWild = IsWild;
        int bound = Math.Max(1, Size);
        bool areExtents = Has(input.Name, "shape", "extent");
        for (int i = 0; i < length; i++)
        {
            object? item;
            if (element == typeof(float) || element == typeof(double))
            {
                double number = isWild && _random.Next(length) == 0 ? MakeNumber("") : (_random.NextDouble() * 2) - 1;
                item = element == typeof(float) ? (object)(float)number : number;
            }
            else if (element == typeof(int))
            {
                item = isWild ? Pick(-100, -1, bound, int.MaxValue, int.MinValue, 0) : areExtents ? Size : _random.Next(bound);
            }
            else if (i > 0 && !element.IsValueType && _random.Next(8) == 0)
            {
                item = array.GetValue(i - 1);
            }
            else if (!TryMake(new CallInput(input.Name, element, false), hints, depth + 1, out item))
            {
                return false;
            }

            array.SetValue(item, i);
        }

        return true;
    }

    private int NumbersFor(string name, CallHints hints)
    {
        if (IsWild)
        {
            return _random.Next(0, 100);
        }

        if (hints.Length is { } known && known < 100_000 && _random.Next(10) > 0)
        {
            return known;
        }

        return Has(name, "input", "output", "target", "rows", "features") ? hints.Batch * Size
            : Has(name, "weight") ? hints.Batch
            : Pick(Size, hints.Batch, hints.Batch * Size, Size * Size, 1, 0);
    }

    private int IndicesFor(string name, CallHints hints) =>
        IsWild ? _random.Next(0, 20)
        : Has(name, "shape", "extent") ? Pick(1, 1, 1, 0, 2, 3)
        : Has(name, "label", "target", "index", "indices", "length") ? hints.Batch
        : Pick(hints.Batch, Size, 2, 1);

    private bool TryMakeObject(Type type, string name, CallHints hints, int depth, out object? value)
    {
        if (type == typeof(Node) && TryPickNode(name, hints, out value))
        {
            return true;
        }

        // What is at hand is used again more often than not; otherwise something new is made.
        if ((_random.Next(5) > 0 || depth >= Deepest) && _actor.Pool.TryPick(type, _random, out value))
        {
            return true;
        }

        PublicCall[] makers = Catalogue.MakersOf(type);
        for (int attempt = 0; attempt < 3 && depth < Deepest && makers.Length > 0; attempt++)
        {
            PublicCall[] constructors = [.. makers.Where(maker => maker.IsConstructor)];
            PublicCall[] users = [.. makers.Where(maker => maker.Declaring.Assembly != Surface.Library)];
            PublicCall[] among = users.Length > 0 && _random.Next(5) == 0 ? users
                : constructors.Length > 0 && _random.Next(4) > 0 ? Preferred(constructors) : makers;
            object? made = _actor.Call(among[_random.Next(among.Length)], depth + 1);
            value = made is Array { Length: > 0 } array ? array.GetValue(_random.Next(array.Length)) : made;
            if (value is not null && type.IsInstanceOfType(value))
            {
                return true;
            }
        }

        return _actor.Pool.TryPick(type, _random, out value);
    }

    // A network without a linear layer is of little use.
    private PublicCall[] Preferred(PublicCall[] makers)
    {
        PublicCall[] linear = [.. makers.Where(maker => maker.Declaring.Name.Contains("Linear", StringComparison.Ordinal))];
        return linear.Length > 0 && _random.Next(2) == 0 ? linear : makers;
    }

    private bool TryPickNode(string name, CallHints hints, out object? value)
    {
        List<object> nodes = _actor.Pool.Of(typeof(Node));
        Graph? graph = hints.Graph ?? (nodes.Count > 0 ? ((Node)nodes[^1]).Graph : null);
        if (!IsWild)
        {
            nodes.RemoveAll(node => ((Node)node).Graph != graph);
        }

        bool scalar = Has(name, "cost", "loss") || (Has(name, "output", "function") && _random.Next(2) == 0);
        List<object> wanted = scalar ? nodes.FindAll(node => ((Node)node).Shape?.Rank == 0)
            : Has(name, "input", "leaf") ? nodes.FindAll(node => ((Node)node).Inputs.IsEmpty)
            : nodes;
        List<object> among = wanted.Count > 0 && _random.Next(6) > 0 ? wanted : nodes;
        value = among.Count > 0 ? among[_random.Next(2) == 0 ? among.Count - 1 : _random.Next(among.Count)] : null;
        return value is not null;
    }

    private bool TryMakeGeneric(CallInput input, CallHints hints, int depth, out object? value)
    {
        Type type = input.Type;
        value = null;
        if (typeof(Delegate).IsAssignableFrom(type))
        {
            value = UserCode.MakeDelegate(type);
            return value is not null;
        }

        if (!type.IsGenericType)
        {
            return false;
        }

        Type[] parts = type.GetGenericArguments();
        Type definition = type.GetGenericTypeDefinition();
        if (definition == typeof(IProgress<>))
        {
            value = Activator.CreateInstance(typeof(UserProgress<>).MakeGenericType(parts));
            return true;
        }

        if (parts.Length == 1 && type.IsAssignableFrom(typeof(List<>).MakeGenericType(parts)))
        {
            bool made = TryMakeArray(input, parts[0], hints, depth, out object? array);
            value = made ? Activator.CreateInstance(typeof(List<>).MakeGenericType(parts), array) : null;
            return made;
        }

        if (definition == typeof(ReadOnlyMemory<>) || definition == typeof(Memory<>))
        {
            bool made = TryMakeArray(input, parts[0], hints, depth, out object? array);
            value = made ? Activator.CreateInstance(type, array) : null;
            return made;
        }

        if (type.IsAssignableFrom(typeof(Dictionary<,>).MakeGenericType(parts.Length == 2 ? parts : [typeof(int), typeof(int)])))
        {
            var dictionary = (System.Collections.IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(parts))!;
            value = dictionary;
            for (int i = _random.Next(3); i > 0; i--)
            {
                if (TryMake(new CallInput("name", parts[0], false), hints, depth + 1, out object? key) && key is not null
                    && TryMake(new CallInput("value", parts[1], false), hints, depth + 1, out object? item))
                {
                    dictionary[key] = item;
                }
            }

            return true;
        }

        ConstructorInfo? constructor = definition.FullName!.StartsWith("System.ValueTuple", StringComparison.Ordinal)
            || definition == typeof(KeyValuePair<,>) ? type.GetConstructor(parts) : null;
        var items = new object?[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (constructor is null || !TryMake(new CallInput(input.Name, parts[i], false), hints, depth + 1, out items[i]))
            {
                return false;
            }
        }

        value = constructor?.Invoke(items);
        return value is not null;
    }

    private T Pick<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];
}
