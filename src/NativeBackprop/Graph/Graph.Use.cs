namespace NativeBackprop;

/// <content>Who uses the graph, and for how long what is added stays.</content>
public sealed partial class Graph
{
    private int? _readTime;
    private int _thread;
    private int _depth;
    private int _readers;

    // The nodes before this position stay. Those behind it were added loosely, by the owner alone.
    private int _fixed;
    private bool _isLoose;
    private object? _looseOwner;

    /// <summary>Holds the graph for the current thread until the result is disposed of; the same thread may enter again.</summary>
    /// <exception cref="InvalidOperationException">Another thread is adding to the graph or compiling it.</exception>
    internal Use Enter()
    {
        int thread = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref _thread) != thread)
        {
            if (Interlocked.CompareExchange(ref _thread, thread, 0) != 0)
            {
                throw InUse();
            }

            if (Volatile.Read(ref _readers) > 0)
            {
                Volatile.Write(ref _thread, 0);
                throw InUse();
            }
        }

        _depth++;
        return new Use(this, _readTime, _isLoose);
    }

    /// <summary>Keeps other threads from adding to the graph until the result is disposed of. Several threads may read at once.</summary>
    /// <exception cref="InvalidOperationException">Another thread is adding to the graph.</exception>
    internal Reading Read()
    {
        Interlocked.Increment(ref _readers);
        if (Volatile.Read(ref _thread) is not 0 and var thread && thread != Environment.CurrentManagedThreadId)
        {
            Interlocked.Decrement(ref _readers);
            throw InUse();
        }

        return new Reading(this);
    }

    /// <summary>
    /// As <see cref="Enter"/>, for something that adds several nodes or none: unless it is completed before it is disposed of, its nodes
    /// are taken out again.
    /// </summary>
    internal Building Begin() => new(this);

    /// <summary>As <see cref="Enter"/>; what is added until the result is disposed of reads variables at the given time.</summary>
    internal Use ReadAt(int time)
    {
        Use use = Enter();
        _readTime = time;
        return use;
    }

    /// <summary>
    /// As <see cref="Enter"/>; what is added until the result is disposed of may be taken out again by <see cref="TakeOutLoose"/>, as far
    /// as nobody else has been given any of it, or has added something since.
    /// </summary>
    /// <param name="owner">Who may take it out.</param>
    internal Use AddLoose(object owner)
    {
        Use use = Enter();
        if (_looseOwner != owner)
        {
            (_fixed, _looseOwner) = (_nodes.Count, owner);
        }

        _isLoose = true;
        return use;
    }

    /// <summary>Takes out what an owner has added loosely, from the first node on that nobody else has.</summary>
    internal void TakeOutLoose(object owner)
    {
        using Use use = Enter();
        if (_looseOwner == owner)
        {
            TakeOut(_fixed);
        }
    }

    /// <summary>Keeps a node, and with it what stands before it, for as long as the graph is there.</summary>
    internal void Keep(Node node) => _ = HandOut(node);

    private static InvalidOperationException InUse() => Refusal.InvalidOperation(
        "the graph is in use by another thread: a graph is built by one thread at a time, and not while another compiles it");

    private void TakeOut(int from)
    {
        foreach ((Node variable, List<int> writes) in _writes)
        {
            writes.RemoveAll(index => index >= from);
            if (variable.Index >= from)
            {
                _writes.Remove(variable);
            }
        }

        _nodes.RemoveRange(from, _nodes.Count - from);
        _fixed = Math.Min(_fixed, from);

        // Last: a user's op may fail to compare itself. What then stays is passed over.
        foreach ((NodeKey key, Node node) in _known)
        {
            if (node.Index >= from)
            {
                _known.Remove(key);
            }
        }
    }

    private bool Holds(Node node) => node.Index < _nodes.Count && _nodes[node.Index] == node;

    private void RequireHeld(Node node)
    {
        if (!Holds(node))
        {
            throw new GraphException(
                $"{node} is not in the graph any more: what added it has failed, or was a step that trains other parameters by now");
        }
    }

    // What somebody else has is there for as long as the graph is.
    private Node HandOut(Node node)
    {
        _fixed = _isLoose ? _fixed : Math.Max(_fixed, node.Index + 1);
        return node;
    }

    private void Leave(int? readTime, bool isLoose)
    {
        (_readTime, _isLoose) = (readTime, isLoose);
        if (--_depth == 0)
        {
            Volatile.Write(ref _thread, 0);
        }
    }

    /// <summary>Stands for being the one who uses the graph.</summary>
    internal readonly ref struct Use(Graph graph, int? outerReadTime, bool outerIsLoose)
    {
        public void Dispose() => graph.Leave(outerReadTime, outerIsLoose);
    }

    /// <summary>Stands for reading the graph.</summary>
    internal readonly ref struct Reading(Graph graph)
    {
        public void Dispose() => Interlocked.Decrement(ref graph._readers);
    }

    /// <summary>Stands for being the one who adds nodes, several or none.</summary>
    internal sealed class Building : IDisposable
    {
        private readonly Graph _graph;
        private readonly int _from;
        private readonly int? _readTime;
        private readonly bool _isLoose;
        private bool _isComplete;

        public Building(Graph graph)
        {
            _graph = graph;
            (_readTime, _isLoose) = (graph._readTime, graph._isLoose);
            _ = graph.Enter();
            _from = graph._nodes.Count;
        }

        public void Complete() => _isComplete = true;

        public void Dispose()
        {
            try
            {
                if (!_isComplete)
                {
                    _graph.TakeOut(_from);
                }
            }
            finally
            {
                _graph.Leave(_readTime, _isLoose);
            }
        }
    }
}
