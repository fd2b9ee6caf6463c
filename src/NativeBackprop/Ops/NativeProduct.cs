using System.Diagnostics;
using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// The products of our own: the only caller of <c>nb_product_run</c>. What they refuse has been seen to when the graph was built, so a
/// refusal here is a mistake of ours.
/// </summary>
internal static unsafe class NativeProduct
{
    /// <summary>Bytes of workspace that each thread wants for this product or any range of it.</summary>
    public static long Workspace(in nb_product product)
    {
        fixed (nb_product* p = &product)
        {
            return checked((long)Kernels.nb_product_workspace_f32(p) * sizeof(float));
        }
    }

    /// <summary>Floats of a packed right operand [k, n].</summary>
    public static long PackedLength(int n, int k) => checked((long)Kernels.nb_product_packed_length_f32((nuint)n, (nuint)k));

    /// <summary>Computes rows and columns of a product.</summary>
    public static void Run(nb_product* product, int row, int rows, int column, int columns, float* workspace) => Check(
        product, Kernels.nb_product_run_f32(product, (nuint)row, (nuint)rows, (nuint)column, (nuint)columns, workspace));

    /// <summary>Computes rows and columns of a product of each channel with itself alone.</summary>
    public static void RunChannels(nb_product* product, int row, int rows, int column, int columns) => Check(
        product, Kernels.nb_product_run_channels_f32(product, (nuint)row, (nuint)rows, (nuint)column, (nuint)columns));

    /// <summary>Packs a product's right operand, and makes the product read it from there.</summary>
    public static void Pack(nb_product* product, float* packed)
    {
        PackColumns(product, 0, (int)product->n, packed);
        product->b = packed;
        product->b_form = nb_operand.NB_OPERAND_PACKED;
    }

    /// <summary>Packs columns of a product's right operand: whole panels of them, or up to the last one.</summary>
    public static void PackColumns(nb_product* product, int column, int columns, float* packed) =>
        Check(product, Kernels.nb_product_pack_f32(product, (nuint)column, (nuint)columns, packed));

    private static void Check(nb_product* product, nb_status status)
    {
        if (status != nb_status.NB_OK)
        {
            throw new UnreachableException($"a product of {product->m}x{product->n}x{product->k} ended with {status}");
        }
    }
}
