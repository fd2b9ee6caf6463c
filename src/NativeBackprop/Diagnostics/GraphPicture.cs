using NativeBackprop.Ops;

namespace NativeBackprop.Diagnostics;

/// <summary>Draws a graph as DOT text, the language of Graphviz: <c>dot -Tsvg graph.dot -o graph.svg</c>.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/> that is drawn.</remarks>
public static class GraphPicture
{
    /// <summary>
    /// Writes the nodes that some outputs depend on, each with its op, name and shape, and an edge for each input. Parameters are blue
    /// boxes, other leaves grey ones, the outputs have a double border.
    /// </summary>
    /// <exception cref="GraphException">There is no output, or an output belongs to another graph than the first.</exception>
    public static void WriteDot(TextWriter writer, params ReadOnlySpan<Node> outputs)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (outputs.IsEmpty)
        {
            throw new GraphException("a picture needs at least one output");
        }

        ArgumentNullException.ThrowIfNull(outputs[0], nameof(outputs));
        Graph graph = outputs[0].Graph;
        using Graph.Reading reading = graph.Read();
        bool[] needed = graph.Needed(outputs);
        writer.Write("digraph {\n  rankdir=BT\n  node [fontname=\"sans-serif\", fontsize=11]\n");
        foreach (Node node in graph.Nodes.Where(node => needed[node.Index]))
        {
            string style = node.Op switch
            {
                Variable => ", shape=box, style=filled, fillcolor=lightblue",
                Leaf => ", shape=box, style=filled, fillcolor=lightgrey",
                _ => "",
            };
            string border = outputs.Contains(node) ? ", peripheries=2" : "";
            string title = node.Name is null ? node.Op.Name : node.Op is Leaf ? node.Name : $"{node.Name} = {node.Op.Name}";
            writer.Write($"  n{node.Index} [label=\"{Escaped(title)}\\n{Escaped(node.Shape.ToString())}\"{style}{border}]\n");
            for (int i = 0; i < node.Inputs.Length; i++)
            {
                // The order of operands matters to a reader of x − y, not of f(x).
                string label = node.Inputs.Length > 1 ? $" [label={i}, fontsize=9]" : "";
                writer.Write($"  n{node.Inputs[i].Index} -> n{node.Index}{label}\n");
            }
        }

        writer.Write("}\n");
    }

    private static string Escaped(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
