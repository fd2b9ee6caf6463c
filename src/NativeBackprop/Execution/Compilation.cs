namespace NativeBackprop;

/// <summary>From a graph to a plan.</summary>
/// <remarks>Thread safety: compiling reads the graph; any threads may compile one at once while nobody adds to it.</remarks>
public static class Compilation
{
    extension(Graph graph)
    {
        /// <summary>Makes a plan that computes the given nodes.</summary>
        /// <param name="outputs">One node or more; a node may stand there twice.</param>
        /// <param name="options">How the plan is made; null stands for the defaults.</param>
        /// <exception cref="ArgumentNullException">A node is null, or the list of first nodes.</exception>
        /// <exception cref="ArgumentException">There is no output.</exception>
        /// <exception cref="GraphException">A node belongs to another graph, or a batch size is needed and not given.</exception>
        /// <exception cref="OptionException">
        /// An option is outside its domain, or the plan needs more memory than one array can hold.
        /// </exception>
        /// <exception cref="NonFiniteException">A constant that has to be finite is not.</exception>
        /// <exception cref="NativeLibraryException">A native library cannot be loaded.</exception>
        public Plan Compile(ReadOnlySpan<Node> outputs, PlanOptions? options = null)
        {
            ArgumentNullException.ThrowIfNull(graph);
            options = (options ?? new PlanOptions()).Validated();
            ArgumentNullException.ThrowIfNull(options.First);
            if (outputs.IsEmpty)
            {
                throw new ArgumentException("a plan needs at least one output", nameof(outputs));
            }

            Node[] first = [.. options.First];
            RequireNodesOf(graph, outputs, nameof(outputs));
            RequireNodesOf(graph, first, nameof(options.First));
            Interop.NativeLibraries.EnsureLoaded();
            PlanProgram program = Lowering.Lower(graph, outputs, options.BatchSize);
            Placement.Assemble(program);
            if (options.Fuse)
            {
                Fusion.Rewrite(program);
            }
            else
            {
                Placement.Place(program);
            }

            Lowering.Schedule(program, graph, first);
            Placement.Expand(program);
            return new Plan(program, options);
        }
    }

    private static void RequireNodesOf(Graph graph, ReadOnlySpan<Node> nodes, string name)
    {
        foreach (Node node in nodes)
        {
            ArgumentNullException.ThrowIfNull(node, name);
            if (node.Graph != graph)
            {
                throw new GraphException($"{node} belongs to another graph");
            }
        }
    }
}
