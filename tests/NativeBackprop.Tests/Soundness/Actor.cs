using System.Collections;
using System.Globalization;
using NativeBackprop.Tests.Memory;

namespace NativeBackprop.Tests.Soundness;

/// <summary>One thread of a sequence: it makes calls with arguments from its pool and judges how they end.</summary>
internal sealed class Actor
{
    private const int MostOfAResult = 50;

    private readonly Random _random;
    private readonly string _name;
    private readonly Findings _findings;
    private readonly CallLog _log;
    private bool _actsAsUser;

    public Actor(string name, int seed, Random sizes, ObjectPool pool, SampleFiles files, Findings findings, CallLog log)
    {
        (_name, Pool, Files, _findings, _log) = (name, pool, files, findings, log);
        _random = new Random(seed);
        Arguments = new Arguments(this, _random, sizes);
    }

    public ObjectPool Pool { get; }

    public SampleFiles Files { get; }

    public Arguments Arguments { get; }

    public Random Random => _random;

    /// <summary>Makes a call with arguments of its own choice; null when it was refused or could not be made.</summary>
    public object? Call(PublicCall call, int depth = 0) => CallOn(call, null, depth);

    /// <summary>The same, with the first argument given.</summary>
    public object? CallOn(PublicCall call, object? first, int depth = 0)
    {
        var hints = new CallHints(_random.Next(8) == 0 ? _random.Next(1, 7) : Arguments.Batch);
        var arguments = new object?[call.Inputs.Count];
        for (int i = 0; i < arguments.Length; i++)
        {
            if (i == 0 && first is not null)
            {
                arguments[0] = first;
            }
            else if (!Arguments.TryMake(call.Inputs[i], hints, depth + 1, out arguments[i]))
            {
                return null;
            }

            hints.Note(arguments[i]);
        }

        return Make(call, arguments, depth);
    }

    /// <summary>Makes a call with given arguments.</summary>
    public object? Make(PublicCall call, object?[] arguments, int depth = 0)
    {
        if (!_findings.BeginCall(call))
        {
            return null;
        }

        _log.Write($"{_name} {call.Text} <- {string.Join(", ", arguments.Select(Describe))}");
        UserCode.Actor = this;
        GuardedMemory.UntilFailure = _random.Next(100) == 0 ? _random.Next(1, 6) : 0;
        object? result;
        try
        {
            result = Settle(call.Invoke(arguments));
        }
        catch (Exception error)
        {
            GuardedMemory.UntilFailure = 0;
            _log.Write($"{_name}     {error.GetType().Name}: {FirstLine(error.Message)}");
            if (!IsUsers(arguments))
            {
                _findings.Judge(call.Text, error);
            }

            return null;
        }

        GuardedMemory.UntilFailure = 0;
        _findings.Succeed(call);
        if (result is not null && call.IsConstructor)
        {
            Arguments.Initialize(result, depth);
        }

        Pool.Add(result, _random);
        return result;
    }

    /// <summary>Compares the graph's values with the reference, where it can be compiled.</summary>
    public void Compare(Graph graph)
    {
        _log.Write($"{_name} compare with the reference");
        UserCode.Actor = null;
        try
        {
            var oracle = new Oracle(_random, Arguments.Batch);
            if (oracle.Check(graph) is { } wrong)
            {
                _findings.Report?.Invoke("wrong answer", wrong);
            }

            _findings.Compare(oracle.Compared);
        }
        catch (Exception error)
        {
            _findings.Judge("the comparison with the reference", error);
        }
    }

    /// <summary>What this thread does inside a user's code.</summary>
    public void ActAsUser()
    {
        int choice = _random.Next(16);
        if (choice == 0)
        {
            throw new UserException();
        }

        if (choice < 3 && !_actsAsUser)
        {
            _actsAsUser = true;
            try
            {
                _log.Write($"{_name}   from within:");
                CallSomething();
            }
            finally
            {
                _actsAsUser = false;
            }
        }
    }

    /// <summary>Makes some call: mostly on the object given, else on some object at hand, or at random among all.</summary>
    public void CallSomething(object? focus = null)
    {
        if (focus is not null && _random.Next(4) > 0)
        {
            PublicCall[] users = Catalogue.UsersOf(focus.GetType());
            CallOn(users[_random.Next(users.Length)], focus);
            return;
        }

        if (_random.Next(3) > 0 && Pool.TryPick(typeof(object), _random, out object? any))
        {
            PublicCall[] users = Catalogue.UsersOf(any!.GetType());
            if (users.Length > 0)
            {
                CallOn(users[_random.Next(users.Length)], any);
                return;
            }
        }

        Call(Catalogue.Calls[_random.Next(Catalogue.Calls.Count)]);
    }

    /// <summary>A value as the log shows it.</summary>
    private static string Describe(object? value) => value switch
    {
        null => "null",
        string text => text.Length > 60 ? $"a string of {text.Length}" : $"\"{text}\"",
        Node node => $"node {node.Index} {node.Op.Name}{node.Shape}",
        Shape shape => shape.ToString(),
        Array array => $"{array.GetType().GetElementType()!.Name}[{array.Length}]"
            + $"{{{string.Join(", ", array.Cast<object?>().Take(8).Select(Describe))}{(array.Length > 8 ? ", …" : "")}}}",
        IFormattable number when value.GetType().IsPrimitive => number.ToString(null, CultureInfo.InvariantCulture),
        Enum or bool => value.ToString()!,
        _ => $"{value.GetType().Name}@{System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(value) & 0xFFFF:x4}",
    };

    // What a user's own object throws when it is called directly is no affair of the library.
    private static bool IsUsers(object?[] arguments) => arguments is [{ } first, ..] && first.GetType().Assembly == typeof(Actor).Assembly;

    private static string FirstLine(string text) => text.Split('\n')[0];

    // A sequence that is computed while it is walked through belongs to the call.
    private static object? Settle(object? result)
    {
        bool isOurs = result?.GetType() is { IsPublic: true } type && type.Assembly == Surface.Library;
        if (isOurs || result is not IEnumerable items || result is string or Array)
        {
            return result;
        }

        object[] found = [.. items.Cast<object?>().Take(MostOfAResult).OfType<object>()];
        return found.Length > 0 ? found : result;
    }
}
