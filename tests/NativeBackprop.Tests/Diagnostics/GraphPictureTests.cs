using NativeBackprop.Diagnostics;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Cli;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Diagnostics;

[TestFixture]
internal sealed class GraphPictureTests
{
    private static string Draw(params Node[] outputs)
    {
        using var writer = new StringWriter();
        GraphPicture.WriteDot(writer, outputs);
        return writer.ToString();
    }

    [Test]
    public void Nodes_and_edges_are_those_that_the_outputs_need()
    {
        var graph = new Graph();
        Node x = graph.Input("x \"in\"", [Shape.Batch, 2]), w = graph.Variable("w", [2, 3], new float[6]);
        Node unused = x.Tanh(), y = graph.SetName(x.MatMul(w), "y"), z = y.Relu();
        string text = Draw(z);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(text, Does.StartWith("digraph {\n").And.EndWith("}\n"));
            Assert.That(text, Does.Contain($"n{x.Index} [label=\"x \\\"in\\\"\\n[B, 2]\", shape=box"));
            Assert.That(text, Does.Contain($"n{w.Index} [label=\"w\\n[2, 3]\", shape=box, style=filled, fillcolor=lightblue]"));
            Assert.That(text, Does.Contain($"n{y.Index} [label=\"y = matmul\\n[B, 3]\"]"));
            Assert.That(text, Does.Contain($"n{z.Index} [label=\"relu\\n[B, 3]\", peripheries=2]"));
            Assert.That(
                text,
                Does.Contain(
                    $"n{x.Index} -> n{y.Index} [label=0, fontsize=9]\n").And.Contain($"n{w.Index} -> n{y.Index} [label=1, fontsize=9]\n"));
            Assert.That(text, Does.Contain($"n{y.Index} -> n{z.Index}\n"));
            Assert.That(text, Does.Not.Contain($"n{unused.Index} "));
        }
    }

    [Test]
    public void Output_of_another_graph_is_refused() =>
        Assert.That(
            () => Draw(new Graph().Input("a"), new Graph().Input("b")),
            Throws.TypeOf<GraphException>().With.Message.Contains("b belongs to another graph"));

    [Test]
    public void Command_draws_a_model_with_its_gradients_or_without()
    {
        using var folder = new TemporaryFolder();
        string model = folder.Write(
            "m.json", """{"input":[4],"layers":[{"type":"linear","units":3},{"type":"relu"},{"type":"linear","units":2}],"loss":"mse"}""");
        string file = folder.File("m.dot"), whole = Nbp.Succeed("graph", "--model", model), forward = Nbp.Succeed(
            "graph", "--model", model, "--forward");
        Nbp.Succeed("graph", "--model", model, "--out", file);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(whole, Does.Contain("gradient of 0.weight").And.Contain("relu_gradient").And.Contain("gradient of x"));
            Assert.That(forward, Does.Contain("loss = ").And.Contain("output = ").And.Not.Contain("gradient"));
            Assert.That(File.ReadAllText(file), Is.EqualTo(whole));
        }
    }
}
