namespace NativeBackprop.Ops;

/// <summary>Arithmetic on nodes, with numpy's broadcasting: <c>(x + y) * z</c> is a graph.</summary>
public static class NodeOperators
{
    extension(Node)
    {
        /// <summary>a + b.</summary>
        public static Node operator +(Node a, Node b) => a.Graph.Add(new Add(), a, b);

        /// <summary>a + k.</summary>
        public static Node operator +(Node a, float k) => a.Graph.Add(new Shift(k), a);

        /// <summary>k + a.</summary>
        public static Node operator +(float k, Node a) => a + k;

        /// <summary>a − b.</summary>
        public static Node operator -(Node a, Node b) => a.Graph.Add(new Subtract(), a, b);

        /// <summary>a − k.</summary>
        public static Node operator -(Node a, float k) => a + -k;

        /// <summary>k − a.</summary>
        public static Node operator -(float k, Node a) => -a + k;

        /// <summary>−a.</summary>
        public static Node operator -(Node a) => -1f * a;

        /// <summary>a ⊙ b.</summary>
        public static Node operator *(Node a, Node b) => a.Graph.Add(new Multiply(), a, b);

        /// <summary>k·a; of a constant number, another constant number.</summary>
        public static Node operator *(float k, Node a) => a.Op is Fill fill
            ? a.Graph.Constant(k * fill.Value, a.Shape)
            : a.Graph.Add(new Scale(k), a);

        /// <summary>a·k.</summary>
        public static Node operator *(Node a, float k) => k * a;

        /// <summary>a / b.</summary>
        public static Node operator /(Node a, Node b) => a.Graph.Add(new Divide(), a, b);

        /// <summary>a / k.</summary>
        public static Node operator /(Node a, float k) => (1 / k) * a;

        /// <summary>k / a.</summary>
        public static Node operator /(float k, Node a) => k * a.Reciprocal();
    }
}
