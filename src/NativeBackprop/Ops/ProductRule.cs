using System.Globalization;
using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// Which library computes a product, decided when its kernel is made: by what was asked for, and otherwise by the product's form and
/// size, the instruction set and OpenBLAS's core. Nothing is timed, so the same plan comes out every time.
/// </summary>
internal static class ProductRule
{
    private const string Variable = "NBP_PRODUCTS";

    // Measured in docs/performance.md, "Which library".
    private static readonly (nb_isa Isa, bool TransposesA, long LeastResults)[] _openBlasWins =
    [
        (nb_isa.NB_ISA_AVX512, true, 1 << 20),
        (nb_isa.NB_ISA_AVX2, true, 1 << 20),
        (nb_isa.NB_ISA_AVX2, false, 1 << 18),
    ];

    /// <summary>The library of a name, as <c>NBP_PRODUCTS</c> and <c>--products</c> spell it; null when there is none.</summary>
    public static ProductLibrary? Named(string name) => name switch
    {
        "auto" => ProductLibrary.Auto,
        "openblas" => ProductLibrary.OpenBlas,
        "own" => ProductLibrary.Own,
        _ => null,
    };

    /// <summary>What is asked for, the environment included; never <see cref="ProductLibrary.Auto"/> where only one can be meant.</summary>
    /// <param name="asked">What the caller asks for.</param>
    /// <param name="reproducible">True where results must not depend on threads or machine, for which OpenBLAS will not do.</param>
    /// <exception cref="NativeLibraryException">
    /// OpenBLAS is asked for and missing or of no use, or the variable has another value.
    /// </exception>
    public static ProductLibrary Resolve(ProductLibrary asked, bool reproducible = false)
    {
        if (asked == ProductLibrary.Auto && NativeEnvironment.Get(Variable) is { } value)
        {
            asked = Named(value) ?? throw new NativeLibraryException($"{Variable} must be auto, openblas or own, got '{value}'");
        }

        if (reproducible)
        {
            return asked != ProductLibrary.OpenBlas ? ProductLibrary.Own : throw new NativeLibraryException(
                $"{Variable} asks for OpenBLAS, whose products differ between machines and numbers of threads: "
                + "a reproducible plan takes auto or own");
        }

        if (asked == ProductLibrary.OpenBlas)
        {
            NativeLibraries.RequireBlas();
        }

        return asked == ProductLibrary.Auto && !NativeLibraries.HasBlas ? ProductLibrary.Own : asked;
    }

    /// <summary>What <see cref="ProductLibrary.Auto"/> stands for on this machine, in words.</summary>
    /// <exception cref="NativeLibraryException">As for <see cref="Resolve"/>.</exception>
    public static string Describe()
    {
        string rule = Resolve(ProductLibrary.Auto) switch
        {
            ProductLibrary.Own when NativeLibraries.HasBlas => "our own",
            ProductLibrary.Own => "our own, as there is no OpenBLAS",
            ProductLibrary.OpenBlas => "OpenBLAS",
            _ => DescribeChoice(Kernels.nb_active_isa()),
        };
        return NativeEnvironment.Get(Variable) is { } value ? $"{rule} ({Variable}={value})" : rule;
    }

    /// <summary>The library for C = op(A)·op(B) with C [m, n]; never <see cref="ProductLibrary.Auto"/>.</summary>
    public static ProductLibrary Choose(ProductLibrary resolved, bool transposeA, long m, long n)
    {
        if (resolved != ProductLibrary.Auto)
        {
            return resolved;
        }

        nb_isa isa = Kernels.nb_active_isa();
        if (IsBehind(isa))
        {
            return ProductLibrary.Own;
        }

        // One lane at a time is no match for any BLAS, and a single row, which is bound by memory, streams faster there.
        return isa == nb_isa.NB_ISA_SCALAR || m == 1
            || _openBlasWins.Any(row => row.Isa == isa && row.TransposesA == transposeA && m * n >= row.LeastResults)
                ? ProductLibrary.OpenBlas
                : ProductLibrary.Own;
    }

    // What Choose does, for people.
    private static string DescribeChoice(nb_isa isa)
    {
        if (IsBehind(isa))
        {
            return $"our own, as OpenBLAS's {NativeLibraries.BlasCore} kernels do not use {KernelLibrary.IsaName(isa)}";
        }

        string[] wins =
        [
            .. _openBlasWins.Where(row => row.Isa == isa).Select(row => string.Create(
                CultureInfo.InvariantCulture,
                $"{(row.TransposesA ? "Aᵀ·B" : "A·B")} of at least {row.LeastResults} elements")),
        ];
        return isa == nb_isa.NB_ISA_SCALAR ? "OpenBLAS, as our own would run one lane at a time"
            : $"our own but for {string.Join(", ", wins.Append("a single row"))}, which are OpenBLAS's";
    }

    private static bool IsBehind(nb_isa isa) => OpenBlasCores.LevelOf(NativeLibraries.BlasCore) < isa;
}
