using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Parity;

/// <summary>
/// What <c>tests/parity/sequences.py</c> has recorded of PyTorch: networks over sequences with every option, rows of different lengths,
/// states to go on from, losses that skip steps.
/// </summary>
[TestFixture]
public sealed class RecordedSequenceTests
{
    private const string Expected = "expected/", Weights = "weights/";

    public static string[] Names => Reference.Names("sequences");

    [TestCaseSource(nameof(Names))]
    public void A_network_over_sequences_agrees_with_PyTorch(string name)
    {
        SafetensorsFile file = SafetensorsFile.Read(Repository.PathOf("tests", "parity", "recorded", "sequences", $"{name}.safetensors"));
        ModelDescription description = ModelFile.Parse(file.Metadata["model"], name);
        Sequential model = description.Model;
        SafetensorsTensor[] weights = [.. file.Tensors.Where(tensor => tensor.Name.StartsWith(Weights, StringComparison.Ordinal))
            .Select(tensor => SafetensorsTensor.Create(tensor.Name[Weights.Length..], tensor.Shape, tensor.AsSingle()))];
        ParameterTensors.Load(file.With(weights), model.Parameters.Entries);
        int rows = file["x"].Shape[0], steps = file["x"].Shape[1];
        bool Has(string part) => file.Tensors.Any(tensor => tensor.Name == part);

        var graph = new Graph();
        Node? lengths = Has("lengths") ? graph.Lengths("lengths", steps) : null;
        var context = new BuildContext(graph, BuildMode.Evaluation) { Lengths = lengths };
        Node x = graph.Input("x", description.Input), output = x;
        Node? hidden = Has("h_0") ? graph.Input("h_0", States("h_0")) : null, cell = Has("c_0") ? graph.Input("c_0", States("c_0")) : null;
        RecurrentState? final = null;
        for (int i = 0; i < model.Layers.Count; i++)
        {
            BuildContext child = context.Child($"{i}");
            output = i == 0 && model.Layers[i] is Recurrent first
                ? first.Build(output, child, hidden is null ? null : new RecurrentState(hidden, cell), out final)
                : model.Layers[i].Build(output, child);
        }

        Loss loss = description.CreateLoss(denseTargets: false);
        Node targets = loss.CreateTargets(output);
        Node cost = loss.Build(output, targets, lengths: output.Shape.Rank == 3 ? lengths : null);
        Dictionary<string, Node> nodes = new() { ["output"] = output, ["loss"] = cost };
        foreach ((string key, Node? node) in new[] { ("h_n", final?.Hidden), ("c_n", final?.Cell) })
        {
            _ = node is not null && nodes.TryAdd(key, node);
        }

        (string Name, Parameter Parameter)[] parameters = [.. model.Parameters.Entries];
        (string Name, Node Node)[] inputs = [.. new (string, Node?)[] { ("dx", x), ("dh_0", hidden), ("dc_0", cell) }
            .Where(pair => pair.Item2 is { Op.ElementType: ElementType.Float32 }).Select(pair => (pair.Item1, pair.Item2!))];
        Node[] gradients = graph.Gradient(
            cost, [.. parameters.Select(entry => graph.Variable(entry.Parameter)), .. inputs.Select(input => input.Node)]);
        for (int i = 0; i < inputs.Length; i++)
        {
            nodes.Add(inputs[i].Name, gradients[parameters.Length + i]);
        }

        foreach (bool fuse in (bool[])[true, false])
        {
            using Plan plan = graph.Compile([.. nodes.Values, .. gradients], new PlanOptions { BatchSize = rows, Fuse = fuse });
            Bind(x, "x");
            Bind(targets, "y");
            Bind(lengths, "lengths");
            Bind(hidden, "h_0");
            Bind(cell, "c_0");
            plan.Run();
            foreach ((string key, Node node) in nodes)
            {
                AssertClose(key, plan[node].Span);
            }

            for (int i = 0; i < parameters.Length; i++)
            {
                AssertClose(parameters[i].Name, ParameterTensors.Create("g", parameters[i].Parameter, plan[gradients[i]].Span).AsSingle());
            }

            void Bind(Node? node, string part)
            {
                if (node is { Op.ElementType: ElementType.Int32 })
                {
                    plan.BindLabels(node, [.. file[part].AsInt64().ToArray().Select(value => (int)value)]);
                }
                else if (node is not null)
                {
                    plan.Bind(node, file[part].AsSingle());
                }
            }
        }

        Assert.That(file.Tensors.Count(tensor => tensor.Name.StartsWith(Expected, StringComparison.Ordinal)),
            Is.EqualTo(nodes.Count + parameters.Length));

        Shape States(string part) => [file[part].Shape[0], Shape.Batch, file[part].Shape[2]];

        void AssertClose(string key, ReadOnlySpan<float> actual) =>
            Assert.That(Norms.Error(actual, file[Expected + key].AsDouble()), Is.LessThanOrEqualTo(1e-5), key);
    }

    [Test]
    public void Every_layer_of_sequences_is_recorded() =>
        Assert.That(Names, Has.Length.GreaterThan(40).And.Contains("lstm-deep-both-ways-lengths").And.Contains("embedding-lstm"));
}
