using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.Diagnostics;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary><c>nbp gradcheck</c>: holds a model's gradients against double precision and against differences.</summary>
internal sealed class GradcheckCommand
{
    private readonly ModelOptions _model = new(
        modelRequired: true, weightsRequired: false, "Weights of the model (safetensors) [default: random]");
    private readonly Option<string?> _batch = Options.Text("--batch", "B", "Batch file (safetensors) [default: random rows]");
    private readonly Option<int?> _rows = Options.Count("--rows", "Random rows, when there is no --batch", 4);
    private readonly Option<int?> _elements = Options.Number<int>(
        "--elements", "N", "Elements of each parameter that are compared with differences; 0 for all", "a whole number of at least 0",
        value => value >= 0, 100);
    private readonly Option<ulong?> _seed = Options.Seed("Seed of whatever is random");
    private readonly Option<bool> _json = JsonText.Option();

    private GradcheckCommand()
    {
    }

    public static Command Create()
    {
        var check = new GradcheckCommand();
        var command = new Command(
            "gradcheck",
            "Check a model's gradients: the engine's against a double-precision evaluation, and that against central differences.");
        check._model.AddTo(command);
        Option[] options = [check._batch, check._rows, check._elements, check._seed, check._json];
        foreach (Option option in options)
        {
            command.Add(option);
        }

        return command.WithAction(check.Run);
    }

    private int Run(ParseResult result, TextWriter output, CancellationToken cancellation)
    {
        ulong seed = result.GetValue(_seed)!.Value;
        ModelDescription description = _model.ReadWithWeights(result);
        if (!description.Model.IsInitialized)
        {
            description.Model.Initialize(seed);
        }

        Dataset batch = result.GetValue(_batch) is { } path
            ? BatchFile.Open(path)
            : RandomRows(description, result.GetValue(_rows)!.Value, seed);
        ModelOptions.CheckWidth(description, batch);
        var options =
            new GradientCheckOptions { MaxElements = result.GetValue(_elements)!.Value, Seed = seed, CancellationToken = cancellation };
        GradientReport report = GradientCheck.Run(
            description.Model, description.CreateLoss(denseTargets: !batch.IsClassification), batch, options);
        if (result.GetValue(_json))
        {
            JsonText.Write(output, Document(report, options));
        }
        else
        {
            Write(output, report, options);
        }

        return report.Passed ? CliHost.Success : CliHost.Failure;
    }

    // Targets in [0, 1) suit every loss that takes numbers.
    private static Dataset RandomRows(ModelDescription description, int rows, ulong seed)
    {
        var random = new RandomSource(seed);
        RowShape input = description.Input;
        int length = checked(rows * input.Length), targets = description.TargetShape.Without(0).Length;
        var parts = new DatasetParts { InputShape = description.InputShape.ToArray() };
        parts = input.Kind == RowKind.Indices
            ? parts with { Indices = [.. Enumerable.Range(0, length).Select(_ => random.NextInt(input.Bound))], IndexBound = input.Bound }
            : parts with { Inputs = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())] };
        int count = checked(rows * targets), classes = description.OutputShape[-1];
        return Dataset.Create("random rows", description.CreateLoss(denseTargets: false).IsClassifier
            ? parts with
            {
                Labels = [.. Enumerable.Range(0, count).Select(_ => random.NextInt(classes))], Classes = classes, LabelsPerRow = targets,
            }
            : parts with { Targets = [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())], TargetWidth = targets });
    }

    private static void Write(TextWriter output, GradientReport report, GradientCheckOptions options)
    {
        int name = Math.Max(
            "parameter".Length,
            report.Leaves.Max(leaf => leaf.Name.Length)), shape = report.Leaves.Max(leaf => leaf.Shape.ToString().Length);
        output.WriteLine($"{"parameter".PadRight(name)}  {"shape".PadRight(shape)}  compared  kinks  engine error  difference error");
        foreach (LeafReport leaf in report.Leaves)
        {
            output.WriteLine(
                $"{leaf.Name.PadRight(name)}  {leaf.Shape.ToString().PadRight(shape)}  {leaf.Compared,8}  {leaf.Kinks,5}  " +
                    $"{Text(leaf.EngineError),12}  {Text(leaf.DifferenceError),16}  {(leaf.Passed ? "ok" : "FAILED")}");
            if (!leaf.Passed && leaf.Worst is { } worst)
            {
                output.WriteLine(
                    $"  worst at {Coordinates(worst.Position, leaf.Shape)}: double {Text(worst.Analytic)}, engine " +
                        $"{Text(worst.Engine)}, difference {Text(worst.Difference)}");
            }
        }

        output.WriteLine(
            $"loss: double {report.Loss.ToString("G9", CultureInfo.InvariantCulture)}, engine " +
                $"{report.EngineLoss.ToString("G9", CultureInfo.InvariantCulture)}  {(report.LossPassed ? "ok" : "FAILED")}");
        if (report.Leaves.Sum(leaf => leaf.Kinks) is var kinks && kinks > 0)
        {
            output.WriteLine($"{kinks} of the elements stand at a kink, where there is no derivative; they do not count");
        }

        output.WriteLine(
            $"{(report.Passed ? "passed" : "failed")}: allowed are {Text(options.EngineTolerance)} for the engine and " +
                $"{Text(options.DifferenceTolerance)} for differences, relative to the norm");
    }

    private static object Document(GradientReport report, GradientCheckOptions options) => new
    {
        report.Passed,
        Loss = JsonText.Finite(report.Loss),
        EngineLoss = JsonText.Finite(report.EngineLoss),
        options.EngineTolerance,
        options.DifferenceTolerance,
        Parameters = report.Leaves.Select(leaf => new
        {
            leaf.Name,
            Shape = leaf.Shape.Extents.ToArray(),
            leaf.Compared,
            leaf.Kinks,
            EngineError = JsonText.Finite(leaf.EngineError),
            DifferenceError = JsonText.Finite(leaf.DifferenceError),
            Worst = leaf.Worst is not { } worst ? null : new
            {
                worst.Position,
                Analytic = JsonText.Finite(worst.Analytic),
                Engine = JsonText.Finite(worst.Engine),
                Difference = JsonText.Finite(worst.Difference),
            },
            leaf.Passed,
        }),
    };

    private static string Coordinates(int position, Shape shape)
    {
        int[] strides = shape.Strides();
        return $"[{string.Join(", ", strides.Select((stride, i) => position / stride % shape[i]))}]";
    }

    private static string Text(double value) => value.ToString("0.0e+00", CultureInfo.InvariantCulture);
}
