namespace NativeBackprop.Ops;

/// <summary>
/// Arithmetic on nodes, with numpy's broadcasting: <c>(x + y) * z</c> is a graph. No node is an <see cref="ArgumentNullException"/>, shapes
/// that do not broadcast are a <see cref="ShapeException"/>, nodes of two graphs a <see cref="GraphException"/>.
/// </summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class NodeOperators
{
    extension(Node)
    {
        /// <summary>a + b.</summary>
        public static Node operator +(Node a, Node b) => NodeFunctions.GraphOf(a).Add(Binary.Add, a, b);

        /// <summary>a + k.</summary>
        public static Node operator +(Node a, float k) => a.Apply(Functions.Shift, k);

        /// <summary>k + a.</summary>
        public static Node operator +(float k, Node a) => a + k;

        /// <summary>a − b.</summary>
        public static Node operator -(Node a, Node b) => NodeFunctions.GraphOf(a).Add(Binary.Subtract, a, b);

        /// <summary>a − k.</summary>
        public static Node operator -(Node a, float k) => a + -k;

        /// <summary>k − a.</summary>
        public static Node operator -(float k, Node a) => -a + k;

        /// <summary>−a.</summary>
        public static Node operator -(Node a) => -1f * a;

        /// <summary>a ⊙ b.</summary>
        public static Node operator *(Node a, Node b) => NodeFunctions.GraphOf(a).Add(Binary.Multiply, a, b);

        /// <summary>k·a; of a constant number, another constant number.</summary>
        public static Node operator *(float k, Node a) => NodeFunctions.GraphOf(a) is var graph && a.Op is Fill fill
            ? graph.Constant(k * fill.Value, a.Shape)
            : a.Apply(Functions.Scale, k);

        /// <summary>a·k.</summary>
        public static Node operator *(Node a, float k) => k * a;

        /// <summary>a / b.</summary>
        public static Node operator /(Node a, Node b) => NodeFunctions.GraphOf(a).Add(Binary.Divide, a, b);

        /// <summary>a / k.</summary>
        public static Node operator /(Node a, float k) => float.IsNormal(k) && float.IsNormal(1 / k)
            ? (1 / k) * a
            : a / NodeFunctions.GraphOf(a).Constant(k);

        /// <summary>k / a.</summary>
        public static Node operator /(float k, Node a) => k * a.Reciprocal();
    }
}
