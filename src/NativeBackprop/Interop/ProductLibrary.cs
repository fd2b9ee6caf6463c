namespace NativeBackprop;

/// <summary>Which library computes the matrix products of a plan.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum ProductLibrary
{
    /// <summary>
    /// What <c>NBP_PRODUCTS</c> says (<c>auto</c>, <c>openblas</c> or <c>own</c>). Unset, or <c>auto</c>: for each product the one that is
    /// faster, by a fixed rule on its shape, the instruction set and OpenBLAS's core; all our own where there is no OpenBLAS.
    /// </summary>
    Auto,

    /// <summary>OpenBLAS.</summary>
    OpenBlas,

    /// <summary>Our own: an element's bits do not depend on threads, instruction set or caches.</summary>
    Own,
}
