namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// What an exploration has seen: how often each member was called and returned, the exceptions by type, and what must not happen. Safe for
/// any number of threads.
/// </summary>
internal sealed class Findings
{
    private const int MostCalls = 400;

    private static readonly Type[] _allowed =
    [
        typeof(NativeBackpropException), typeof(ArgumentException), typeof(InvalidOperationException), typeof(ObjectDisposedException),
        typeof(NotSupportedException), typeof(OperationCanceledException), typeof(IOException), typeof(UnauthorizedAccessException),
        typeof(KeyNotFoundException), typeof(FormatException), typeof(OverflowException), typeof(OutOfMemoryException),
    ];

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long Calls, long Returned)> _members = [];
    private readonly Dictionary<string, long> _exceptions = [];
    private int _calls;
    private long _compared;

    /// <summary>The sequence that is running.</summary>
    public int Seed { get; private set; }

    /// <summary>Calls in all.</summary>
    public long Calls { get; private set; }

    /// <summary>Told of everything that must not happen: the member and what it did.</summary>
    public Action<string, string>? Report { get; set; }

    public void Start(int seed) => (Seed, _calls) = (seed, 0);

    /// <summary>Counts a call; false once the sequence has made enough of them.</summary>
    public bool BeginCall(PublicCall call)
    {
        lock (_lock)
        {
            (long calls, long returned) = _members.GetValueOrDefault(call.Text);
            _members[call.Text] = (calls + 1, returned);
            Calls++;
            return ++_calls <= MostCalls;
        }
    }

    public void Succeed(PublicCall call)
    {
        lock (_lock)
        {
            (long calls, long returned) = _members.GetValueOrDefault(call.Text);
            _members[call.Text] = (calls, returned + 1);
        }
    }

    /// <summary>Counts values that were compared with the reference.</summary>
    public void Compare(int values) => _compared += values;

    /// <summary>Counts an exception, and reports one that must not leave a public member.</summary>
    public void Judge(string member, Exception error)
    {
        lock (_lock)
        {
            string name = error.GetType().Name;
            _exceptions[name] = _exceptions.GetValueOrDefault(name) + 1;
        }

        if (!_allowed.Any(type => type.IsInstanceOfType(error)))
        {
            string[] frames = [.. (error.StackTrace ?? "").Split('\n').Select(frame => frame.Trim()).Take(4)];
            Report?.Invoke(member, $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")} {string.Join(" < ", frames)}");
        }
    }

    /// <summary>The counts since the last time, as lines, for <see cref="Exploration"/> to add up.</summary>
    public IReadOnlyList<string> TakeLines()
    {
        lock (_lock)
        {
            string[] lines =
            [
                $"calls\t{Calls}", $"compared\t{_compared}",
                .. _members.Select(member => $"member\t{member.Key}\t{member.Value.Calls}\t{member.Value.Returned}"),
                .. _exceptions.Select(exception => $"exception\t{exception.Key}\t{exception.Value}"),
            ];
            (Calls, _compared) = (0, 0);
            _members.Clear();
            _exceptions.Clear();
            return lines;
        }
    }
}
