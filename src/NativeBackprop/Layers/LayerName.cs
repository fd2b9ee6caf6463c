namespace NativeBackprop.Layers;

/// <summary>The rule for the names that paths are made of.</summary>
internal static class LayerName
{
    /// <exception cref="OptionException">The name is empty or has a dot in it.</exception>
    public static void Require(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0 || name.Contains('.'))
        {
            throw new OptionException($"a name must not be empty and have no dot, which stands between the names of a path, got '{name}'");
        }
    }
}
