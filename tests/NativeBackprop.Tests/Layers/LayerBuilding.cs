using NativeBackprop.Layers;

namespace NativeBackprop.Tests;

/// <summary>Builds a layer alone, at the root of a context of its own.</summary>
internal static class LayerBuilding
{
    public static Node Build(this Layer layer, Node input, BuildMode mode, ulong seed = 0) =>
        layer.Build(input, new BuildContext(input.Graph, mode, seed));
}
