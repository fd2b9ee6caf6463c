namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// One random sequence of calls, determined by its seed as long as a single thread makes it: a goal or two (an object of some public type,
/// with all that it needs, or a graph that is built, compiled and run), calls on what is there, and a share of it from two threads at once.
/// </summary>
internal sealed class Sequence
{
    private readonly int _seed;
    private readonly Actor _actor;
    private readonly Random _random;
    private readonly Func<string, Actor> _makeActor;

    public Sequence(int seed, SampleFiles files, Findings findings, CallLog log)
    {
        _seed = seed;
        var pool = new ObjectPool();
        _makeActor = name => new Actor(
            name, (31 * seed) + name.Length, new Random(seed), name == "-" ? pool : pool.Copy(), files, findings, log);
        _actor = _makeActor("-");
        _random = _actor.Random;
    }

    public void Run()
    {
        for (int goal = _random.Next(1, 3); goal > 0; goal--)
        {
            if (_random.Next(5) < 2)
            {
                ComputeAGraph();
            }
            else
            {
                Use(Catalogue.Goals[_random.Next(Catalogue.Goals.Count)]);
            }
        }

        if (_random.Next(8) == 0)
        {
            CallFromTwoThreads();
        }

        for (int calls = _random.Next(8); calls > 0; calls--)
        {
            Disturb();
            _actor.CallSomething();
        }
    }

    // Objects come and go, and so does what they own.
    private void Disturb()
    {
        int choice = _random.Next(60);
        if (choice < 2)
        {
            _actor.Pool.Drop(_random);
        }
        else if (choice == 2)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private void Use(Type type)
    {
        var input = new CallInput("value", type, false);
        if (!_actor.Arguments.TryMake(input, new CallHints(_actor.Arguments.Batch), 0, out object? made) || made is null)
        {
            return;
        }

        BindInputs(made);
        PublicCall[] users = Catalogue.UsersOf(made.GetType());
        PublicCall[] work = [.. users.Where(Catalogue.IsWork)];
        for (int calls = users.Length > 0 ? _random.Next(1, work.Length > 0 ? 20 : 10) : 0; calls > 0; calls--)
        {
            Disturb();
            PublicCall[] among = work.Length > 0 && _random.Next(2) == 0 ? work : users;
            _actor.CallOn(among[_random.Next(among.Length)], made);
        }
    }

    private void ComputeAGraph()
    {
        var graph = new Graph();
        _actor.Pool.Add(graph, _random);
        PublicCall[] leaves = Calls(typeof(Graph), call => call.Result == typeof(Node) && !call.Inputs.Any(i => i.Type == typeof(Node)));
        PublicCall[] ops = Calls(typeof(Node), call => call.Result == typeof(Node) || call.Result == typeof(Node[]));
        PublicCall[] wide = Calls(typeof(Graph), call => call.Inputs.Any(i => i.Type == typeof(Node) || i.Type == typeof(Node[])));
        for (int i = _random.Next(1, 4); i > 0; i--)
        {
            _actor.CallOn(leaves[_random.Next(leaves.Length)], graph);
        }

        for (int i = _random.Next(1, 9); i > 0 && ops.Length > 0; i--)
        {
            _actor.Call(ops[_random.Next(ops.Length)]);
        }

        PublicCall add = Catalogue.Calls.First(call => call.Declaring == typeof(Graph) && call.Name == nameof(Graph.Add));
        for (int i = _random.Next(0, 2); i > 0; i--)
        {
            _actor.CallOn(add, graph);
        }

        for (int i = _random.Next(0, 3); i > 0 && wide.Length > 0; i--)
        {
            _actor.CallOn(wide[_random.Next(wide.Length)], graph);
        }

        if (_random.Next(3) == 0)
        {
            _actor.Compare(graph);
        }

        PublicCall[] compile = Calls(typeof(Graph), call => call.Result == typeof(Plan));
        for (int i = _random.Next(1, 3); i > 0; i--)
        {
            if (_actor.CallOn(compile[_random.Next(compile.Length)], graph) is not { } plan)
            {
                continue;
            }

            BindInputs(plan);
            PublicCall[] runs = Calls(typeof(Plan), _ => true);
            PublicCall[] run = [.. runs.Where(call => call.Name.StartsWith("Run", StringComparison.Ordinal))];
            for (int calls = _random.Next(1, 8); calls > 0; calls--)
            {
                PublicCall[] among = _random.Next(2) == 0 ? run : runs;
                _actor.CallOn(among[_random.Next(among.Length)], plan);
                Disturb();
            }
        }
    }

    // Gives every input of an object that takes inputs a value, most of the time.
    private void BindInputs(object made)
    {
        PublicCall[] binds = Calls(made.GetType(), call => call.Name is ['B', 'i', 'n', 'd', ..] or ['S', 'e', 't', ..]
            && call.Inputs.Count == 3 && call.Inputs[1].Type == typeof(Node));
        if (binds.Length == 0 || _random.Next(8) == 0)
        {
            return;
        }

        foreach (Node leaf in _actor.Pool.Of(typeof(Node)).Cast<Node>().Where(node => node.Inputs.IsEmpty))
        {
            Type wanted = leaf.Op.ElementType == ElementType.Int32 ? typeof(int[]) : typeof(float[]);
            if (binds.FirstOrDefault(call => call.Inputs[2].Type == wanted) is { } bind)
            {
                var hints = new CallHints(_actor.Arguments.Batch);
                hints.Note(leaf);
                if (_actor.Arguments.TryMake(bind.Inputs[2] with { Name = "values" }, hints, 0, out object? values))
                {
                    _actor.Make(bind, [made, leaf, values]);
                }
            }
        }
    }

    private void CallFromTwoThreads()
    {
        Actor other = _makeActor("--");
        List<object> wanted = _actor.Pool.Of(typeof(IDisposable));
        object? focus = wanted.Count > 0 ? wanted[_random.Next(wanted.Count)] : null;
        using var both = new Barrier(2);
        void Work(Actor actor)
        {
            both.SignalAndWait();
            for (int calls = actor.Random.Next(2, 12); calls > 0; calls--)
            {
                actor.CallSomething(focus);
            }
        }

        var thread = new Thread(() => Work(other)) { IsBackground = true, Name = $"sequence {_seed}" };
        thread.Start();
        Work(_actor);
        thread.Join();
    }

    private static PublicCall[] Calls(Type type, Func<PublicCall, bool> choose) => [.. Catalogue.UsersOf(type).Where(choose)];
}
