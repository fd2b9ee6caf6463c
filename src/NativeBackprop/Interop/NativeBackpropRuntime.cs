using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NativeBackprop.Interop;

namespace NativeBackprop;

/// <summary>What a host program may say to the library as a whole.</summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
public static partial class NativeBackpropRuntime
{
    private static ILogger _logger = NullLogger.Instance;

    /// <summary>
    /// Where warnings go, such as an OpenBLAS that runs the kernels of another CPU. Silent unless set; warnings
    /// from before it was set are told to it at once.
    /// </summary>
    public static ILogger Logger
    {
        get => Volatile.Read(ref _logger);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Volatile.Write(ref _logger, value);
            Report(NativeLibraries.Warnings);
        }
    }

    /// <summary>
    /// Loads and checks the native libraries now rather than at the first plan: a host can fail early.
    /// </summary>
    /// <exception cref="NativeLibraryException">A library is missing, of another version, or unusable.</exception>
    public static NativeLibraryInfo Initialize() => NativeLibraries.Info;

    internal static void Report(IReadOnlyList<string> warnings)
    {
        foreach (string warning in warnings)
        {
            LogWarning(Logger, warning);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);
}
