using NativeBackprop.Layers;

namespace NativeBackprop.Cli.Bench;

/// <summary>The rows with recurrent networks.</summary>
internal static class RecurrentRows
{
    /// <summary>An image read row by row, its class from the last state.</summary>
    public static Workload Lstm { get; } = LastState(
        "lstm", gates: 4, static (inputs, units) => new Lstm(inputs, units, output: RecurrentOutput.Last));

    /// <inheritdoc cref="Lstm"/>
    public static Workload Gru { get; } = LastState(
        "gru", gates: 3, static (inputs, units) => new Gru(inputs, units, output: RecurrentOutput.Last));

    /// <summary>The next character at each step of a text.</summary>
    public static Workload Characters { get; } = new(
        "chars",
        Batch: 32,
        RowShape.Indices(64, 64),
        Classes: 64,
        static () => new Sequential(RowShape.Indices(64, 64), new Embedding(64, 64), new Lstm(64, 256), new Linear(256, 64)),
        new ProductList().AfterEmbedding().Recurrence(32, 64, 64, 256, 4).Linear(32 * 64, 256, 64).All);

    private static Workload LastState(string name, int gates, Func<int, int, Layer> cell)
    {
        const int Batch = 64, Steps = 28, Features = 28, Units = 128, Classes = 10;
        return new(
            name, Batch, RowShape.Sequence(Steps, Features), Classes,
            () => new Sequential(RowShape.Sequence(Steps, Features), cell(Features, Units), new Linear(Units, Classes)),
            new ProductList().Recurrence(Batch, Steps, Features, Units, gates).Linear(Batch, Units, Classes).All);
    }
}
