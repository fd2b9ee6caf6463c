namespace NativeBackprop;

/// <summary>From a graph to a plan.</summary>
public static class Compilation
{
    extension(Graph graph)
    {
        /// <summary>Makes a plan that computes the given nodes.</summary>
        /// <exception cref="GraphException">A node belongs to another graph, or a batch size is needed and not given.</exception>
        /// <exception cref="OptionException">An option is outside its domain.</exception>
        /// <exception cref="NativeLibraryException">A native library cannot be loaded.</exception>
        public Plan Compile(ReadOnlySpan<Node> outputs, PlanOptions? options = null)
        {
            options ??= new PlanOptions();
            if (options.BatchSize is < 1)
            {
                throw new OptionException($"the batch size must be at least 1, got {options.BatchSize}");
            }

            Interop.NativeLibraries.EnsureLoaded();
            PlanProgram program = Lowering.Lower(graph, outputs, options.BatchSize);
            if (options.Fuse)
            {
                Fusion.Rewrite(program);
            }

            Lowering.Schedule(program, graph, options.First);
            return new Plan(program, options);
        }
    }
}
