namespace NativeBackprop.Layers;

/// <summary>
/// What a recurrent layer goes on from, or has come to: for each of its layers, and in it for each direction, forward first, the state of
/// every row. PyTorch's <c>h_n</c> and <c>c_n</c>.
/// </summary>
/// <param name="Hidden">h, of shape [layers·directions, B, H].</param>
/// <param name="Cell">c, of the same shape, for an LSTM; else null.</param>
/// <remarks>Thread safety: as that of the <see cref="Graph"/> of its nodes.</remarks>
public sealed record RecurrentState(Node Hidden, Node? Cell = null);
