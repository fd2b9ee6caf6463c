using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// A graph of random reads and writes, and beside each node what it means when everything is done at once, in the order of building: a
/// variable is an array, a write changes it, whoever uses it or a view of it reads it there and then.
/// </summary>
internal sealed class RandomProgram
{
    private const int Size = 3;
    private const float Rate = 0.25f;
    private readonly RandomSource _random;
    private readonly List<Item> _items = [];
    private readonly List<(Node Node, Action<State> Do)> _acts = [];
    private readonly Node[] _variables;

    public RandomProgram(ulong seed, int length)
    {
        _random = new RandomSource(seed);
        X = Graph.Input("x", [Size, Size]);
        RateInput = Graph.Input("rate");
        XValues = Numbers(Size * Size);
        Shape[] shapes = [[Size, Size], [Size, Size], [Size, Size], [Size], [1]];
        Initial = [.. shapes.Select((shape, i) => i == 4 ? [0f] : Numbers(shape.Length))];
        _variables = [.. shapes.Select((shape, i) => Graph.Variable($"v{i}", shape, Initial[i]))];
        for (int i = 0; i < 4; i++)
        {
            int variable = i;
            _items.Add(new Item(_variables[i], state => state.Read(variable)) { Variable = variable });
        }

        AddValue(X, _ => Array.ConvertAll(XValues, value => (double)value));
        while (_items.Count < length)
        {
            AddRandom();
        }
    }

    public Graph Graph { get; } = new();

    public Node X { get; }

    public Node RateInput { get; }

    public float[] XValues { get; }

    public float[][] Initial { get; }

    public IReadOnlyList<Item> Items => _items;

    public IEnumerable<Parameter> Parameters => _variables.Select(variable => ((Variable)variable.Op).Parameter);

    public Node Variable(int index) => _variables[index];

    /// <summary>Does what the outputs need, in the order of building.</summary>
    public State Interpret(Node[] outputs)
    {
        var state = new State([.. Initial.Select(values => Array.ConvertAll(values, value => (double)value))]);
        Interpret(outputs, state);
        return state;
    }

    /// <summary>
    /// How the sum of a value's elements changes when every read of a variable, and no write, moves along a direction: by central
    /// differences.
    /// </summary>
    public double Derivative(Node[] outputs, Item y, int variable, double[] direction)
    {
        const double Step = 1e-5;
        State done = Interpret(outputs);
        var sums = new double[2];
        for (int side = 0; side < 2; side++)
        {
            var state = new State([.. Initial.Select(values => Array.ConvertAll(values, value => (double)value))])
            {
                Done = done,
                Moved = variable,
                By = Array.ConvertAll(direction, d => d * (side == 0 ? Step : -Step)),
            };
            Interpret(outputs, state);
            sums[side] = y.Read(state).Sum();
        }

        return (sums[0] - sums[1]) / (2 * Step);
    }

    public int Next(int count) => (int)(_random.NextUInt64() % (ulong)count);

    public float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)_random.NextNormal() * 0.7f)];

    private void Interpret(Node[] outputs, State state)
    {
        bool[] needed = Graph.Needed(outputs);
        foreach ((Node node, Action<State> act) in _acts)
        {
            if (needed[node.Index])
            {
                act(state);
            }
        }
    }

    private Item Pick(Func<Item, bool> fits)
    {
        // What was made lately is likelier, so that chains become long.
        Item[] all = [.. _items.Where(fits)];
        return all[Math.Max(Next(all.Length), Next(all.Length))];
    }

    private Item PickSquare() => Pick(item => item.Node.Shape.Equals([Size, Size]));

    private void AddRandom()
    {
        switch (Next(16))
        {
            case 0:
            case 1:
                AddSgd();
                break;
            case 2:
                AddMomentum();
                break;
            case 3:
                AddEffect();
                break;
            case 4:
                AddView();
                break;
            case 5:
                Item kept = Pick(_ => true);
                AddValue(Graph.Add(new AsOf(), kept.Node), kept.Read);
                break;
            case 6:
            case 7:
            case 8:
                AddProduct();
                break;
            case 9:
                Item logged = PickSquare();
                AddValue((logged.Node.Square() + 1f).Log(), state => Array.ConvertAll(logged.Read(state), a => Math.Log((a * a) + 1)));
                break;
            case 12:
                Item[] rows = [.. Enumerable.Range(0, Size).Select(_ => Pick(item => item.Node.Shape.Equals([Size])))];
                Node[] parts = [.. rows.Select(row => row.Node.Reshape([1, Size]))];
                AddValue(Graph.Concatenate(0, parts), state => [.. rows.SelectMany(row => row.Read(state))]);
                break;
            case 10:
                Item tested = Pick(_ => true);
                AddValue(Graph.Add(new CommitOrderTests.Check(), tested.Node), tested.Read);
                break;
            case 11:
                Item squashed = Pick(_ => true);
                AddValue(squashed.Node.Tanh(), state => Array.ConvertAll(squashed.Read(state), Math.Tanh));
                break;
            default:
                Item a = Pick(_ => true), b = Pick(item => item.Node.Shape.Equals(a.Node.Shape));
                bool adds = Next(2) == 0;
                AddValue(adds ? a.Node + (0.5f * b.Node) : (a.Node * b.Node).Tanh(), state =>
                    [.. a.Read(state).Zip(b.Read(state), (p, q) => adds ? p + (0.5 * q) : Math.Tanh(p * q))]);
                break;
        }
    }

    private void AddProduct()
    {
        Item a = PickSquare(), b = PickSquare(), bias = Pick(item => item.Node.Shape.Equals([Size]));
        bool hasBias = Next(2) == 0;
        Node product = a.Node.MatMul(b.Node, transposeLeft: true);
        AddValue((hasBias ? product + bias.Node : product).Tanh(), state =>
        {
            (double[] left, double[] right, double[] added) = (a.Read(state), b.Read(state), hasBias ? bias.Read(state) : []);
            var y = new double[Size * Size];
            for (int i = 0; i < y.Length; i++)
            {
                double sum = hasBias ? added[i % Size] : 0;
                for (int k = 0; k < Size; k++)
                {
                    sum += left[(k * Size) + (i / Size)] * right[(k * Size) + (i % Size)];
                }

                y[i] = Math.Tanh(sum);
            }

            return y;
        });
    }

    // w ← w − η(g + 0.1w); the gradient may be a product, so that the two are fused, or the variable itself.
    private void AddSgd()
    {
        int w = Next(3);
        Item g = PickSquare();
        AddWrite(Graph.Add(new SgdUpdate(0.1f), _variables[w], g.Node, RateInput), w, state =>
        {
            double[] gradient = g.Read(state), held = state.Held[w];
            state.Write(w, [.. held.Zip(gradient, (a, d) => a - (Rate * (d + (0.1f * a))))]);
        });
    }

    // The velocity is another variable.
    private void AddMomentum()
    {
        int w = Next(3), v = (w + 1 + Next(2)) % 3;
        Item g = PickSquare();
        AddWrite(Graph.Add(new MomentumUpdate(0.5f, 0, false), _variables[w], g.Node, RateInput, _variables[v]), w, state =>
        {
            double[] gradient = g.Read(state);
            state.Write(v, [.. state.Held[v].Zip(gradient, (a, d) => (0.5 * a) + d)]);
            state.Write(w, [.. state.Held[w].Zip(state.Held[v], (a, d) => a - (Rate * d))]);
        });
    }

    // The values of effects are constants to differentiation.
    private void AddEffect()
    {
        if (Next(2) == 0)
        {
            Item x = PickSquare();
            AddValue(Graph.Add(new RunningMean(), _variables[3], x.Node), state =>
            {
                double[] rows = x.Read(state);
                return state.Write(3, [.. state.Held[3].Select((r, c) =>
                    (0.9f * r) + ((1 - 0.9f) * Enumerable.Range(0, Size).Sum(i => rows[(i * Size) + c]) / Size))]);
            });
        }
        else if (!_items.Exists(item => item.Node.Op is Counter))
        {
            AddValue(Graph.Add(new Counter(), _variables[4]), state => state.Write(4, [state.Held[4][0] + 1]));
        }
    }

    private void AddView()
    {
        Item item = PickSquare();
        int start = Next(Size);
        bool slices = Next(2) == 0;
        Node view = slices ? item.Node.Slice(0, start, 1).Reshape([Size]) : item.Node.Reshape([1, Size * Size]).Reshape([Size, Size]);
        Func<State, double[]> read = state => slices ? item.Read(state)[(start * Size)..((start + 1) * Size)] : item.Read(state);
        if (item.Variable is not null)
        {
            _items.Add(new Item(view, read) { Variable = item.Variable });
        }
        else
        {
            AddValue(view, read);
        }
    }

    private void AddWrite(Node node, int variable, Action<State> act)
    {
        _acts.Add((node, act));
        _items.Add(new Item(node, state => state.Read(variable)) { Variable = variable });
    }

    private void AddValue(Node node, Func<State, double[]> compute)
    {
        // The same node may come out a second time; what it means stands.
        if (_items.Exists(item => item.Node == node))
        {
            return;
        }

        _acts.Add((node, state => state.Values[node] = compute(state)));
        _items.Add(new Item(node, state => state.Values[node]));
    }

    /// <summary>A node, and its value whenever it is asked for: a variable's or a view's is what the variable holds then.</summary>
    internal sealed record Item(Node Node, Func<State, double[]> Read)
    {
        public int? Variable { get; init; }
    }

    /// <summary>What is held in the middle of doing everything.</summary>
    internal sealed class State(double[][] held)
    {
        private readonly Queue<(int Variable, double[] Values)> _writes = [];
        private Queue<(int Variable, double[] Values)>? _replayed;

        public double[][] Held => held;

        public Dictionary<Node, double[]> Values { get; } = [];

        /// <summary>Where writes are taken from instead of being computed.</summary>
        public State? Done { get; init; }

        public int Moved { get; init; } = -1;

        public double[] By { get; init; } = [];

        public double[] Read(int variable) => variable == Moved ? [.. held[variable].Zip(By, (a, b) => a + b)] : held[variable];

        public double[] Write(int variable, double[] values)
        {
            _replayed ??= Done is null ? null : new(Done._writes);
            held[variable] = _replayed?.Dequeue().Values ?? values;
            _writes.Enqueue((variable, held[variable]));
            return held[variable];
        }
    }
}
