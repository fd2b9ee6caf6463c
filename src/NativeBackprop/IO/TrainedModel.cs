namespace NativeBackprop.IO;

/// <summary>What a <see cref="TrainedModelFile"/> holds.</summary>
/// <param name="Description">Input, layers, with their values, and loss.</param>
/// <param name="Classes">The classes' names in their order, of text the characters; empty where there are none.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once. The values are those of the layers' parameters: see
/// <see cref="Parameter"/>.</remarks>
public sealed record TrainedModel(ModelDescription Description, IReadOnlyList<string> Classes);
