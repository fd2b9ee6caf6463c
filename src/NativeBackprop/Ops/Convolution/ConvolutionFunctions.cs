namespace NativeBackprop.Ops;

/// <summary>Convolutions as methods of the node that they apply to.</summary>
internal static class ConvolutionFunctions
{
    extension(Node x)
    {
        /// <summary>The convolution with weights; of single places it is the product of each pixel with a matrix.</summary>
        /// <exception cref="ShapeException">The shapes do not fit.</exception>
        public Node Convolve(Node w, ConvolutionGeometry geometry)
        {
            geometry.Output(x.Shape, w.Shape);
            return geometry.IsPointwise ? x.MatMul(Matrix(w)) : x.Graph.Add(new Convolution(geometry), x, w);
        }

        /// <summary>The transpose of the convolution with weights: the input whose gradient has x for that of its result.</summary>
        /// <exception cref="ShapeException">The shapes do not fit, or the result would be empty.</exception>
        public Node ConvolveTransposed(Node w, ConvolutionGeometry geometry)
        {
            int height = geometry.Y.Input(ConvolutionGeometry.Height(x.Shape));
            int width = geometry.X.Input(ConvolutionGeometry.Width(x.Shape));
            var op = new ConvolutionInputGradient(geometry, height, width);
            op.InferShape([x.Shape, w.Shape]);
            return geometry.IsPointwise ? x.Graph.Add(new MatMul(false, true), x, Matrix(w)) : x.Graph.Add(op, x, w);
        }
    }

    private static Node Matrix(Node w) => w.Reshape([w.Shape[-2], w.Shape[-1]]);
}
