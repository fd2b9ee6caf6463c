using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>From a graph to a plan.</summary>
/// <remarks>
/// Thread safety: any threads may use it at once, as long as nobody adds to the graph. While somebody does, they get an
/// <see cref="InvalidOperationException"/>.
/// </remarks>
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
        /// <exception cref="InvalidOperationException">Another thread is adding to the graph.</exception>
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
            graph.Require(outputs, nameof(outputs));
            graph.Require(first, nameof(options.First));
            Interop.NativeLibraries.EnsureLoaded();
            return new Plan(graph.Program(outputs, first, options), options);
        }

        /// <summary>The steps of a plan, in order.</summary>
        internal PlanProgram Program(ReadOnlySpan<Node> outputs, Node[] first, PlanOptions options)
        {
            using Graph.Reading reading = graph.Read();
            PlanProgram program = Lowering.Lower(graph, outputs, options.BatchSize);
            Placement.Assemble(program);
            if (options.Fuse)
            {
                Fusion.Rewrite(program, ProductRule.Resolve(options.Products, options.Reproducible));
            }
            else
            {
                Placement.Place(program);
            }

            StepOrder.Apply(program, graph, first);
            Placement.Expand(program);
            return program;
        }
    }
}
