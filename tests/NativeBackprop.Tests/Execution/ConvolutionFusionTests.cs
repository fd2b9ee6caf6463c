using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>The rules that take a product of matrices take one of patches: bias, activation, its derivative, and what is added.</summary>
[TestFixture]
internal sealed class ConvolutionFusionTests
{
    private static readonly ConvolutionGeometry Same = new(new(3, 1, 1, 1), new(3, 1, 1, 1)), Half = new(new(3, 2, 1, 1), new(3, 2, 1, 1));

    private readonly Net _net = new();

    private Node X => field ??= _net.Input("x", [Shape.Batch, 7, 6, 4]);

    private Node W => field ??= _net.Variable("w", [3, 3, 4, 5]);

    private Node Bias => field ??= _net.Variable("b", [5]);

    [TestCase(false)]
    [TestCase(true)]
    public void Convolution_bias_and_activation_become_one(bool strided)
    {
        foreach (Elementwise function in (Elementwise[])[new Relu(), new Tanh(), new Gelu()])
        {
            Node z = Convolve(X, W, strided ? Half : Same) + Bias, y = z.Apply(function);
            Assert.That(Steps([y]), Is.EqualTo(new[] { $"convolution_bias_{function.Name}" }));
            Assert.That(Steps([y, z]), Is.EqualTo(new[] { $"convolution_bias_{function.Name}" }), "the argument is kept");
            _net.AssertAgrees([y, z]);
        }

        Assert.That(Steps([Convolve(X, W, Same) + Bias]), Is.EqualTo(new[] { "convolution_bias" }));
        Assert.That(Steps([Convolve(X, W, Same).Relu()]), Is.EqualTo(new[] { "convolution_relu" }));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_input_gradient_takes_in_the_derivative_before_it(bool strided)
    {
        Node second = _net.Variable("v", [3, 3, 5, 6]), h = (Convolve(X, W, Same) + Bias).Tanh();
        Node y = Convolve(h, second, strided ? Half : Same);
        Node[] d = _net.Graph.Gradient((y * _net.Input("t", y.Shape)).Sum(), W, Bias, second);
        Assert.That(Steps(d), Does.Contain("convolution_input_gradient_tanh_gradient").And.Contain("sum"));
        _net.AssertAgrees(d);
    }

    [Test]
    public void What_is_added_to_a_convolution_or_its_input_gradient_is_added_inside()
    {
        Node square = _net.Variable("s", [3, 3, 4, 4]), other = X.Sin();
        Node y = Convolve(X, square, Same) + other;
        Assert.That(Steps([y]), Is.EqualTo(new[] { "sin", "convolution_add" }));
        _net.AssertAgrees([y]);

        // The source itself dies here, and must not be overwritten before all patches are read.
        Node residual = Convolve(other, square, Same) + other;
        _net.AssertAgrees([residual]);
        Node strided = Convolve(other, W, Half);
        Node[] d = _net.Graph.Gradient((strided * _net.Input("t", strided.Shape)).Sum() + other.Square().Sum(), X);
        Assert.That(Steps(d), Does.Contain("convolution_input_gradient_add_sin_gradient").Or.Contain("convolution_input_gradient_add"));
        _net.AssertAgrees(d);
    }

    [Test]
    public void A_step_of_gradient_descent_stays_outside_of_the_sum_over_many_blocks()
    {
        Node y = Convolve(X, W, Same), d = _net.Graph.Gradient((y * _net.Input("t", y.Shape)).Sum(), W)[0];
        Node step = _net.Graph.Add(new SgdUpdate(0.1f), W, d, _net.Input("rate", []));
        Assert.That(Steps([step]), Is.EqualTo(new[] { "convolution_weight_gradient", "sgd_update" }));
        _net.AssertAgrees([step]);
    }

    private string[] Steps(ReadOnlySpan<Node> outputs)
    {
        using Plan plan = _net.Compile(outputs);
        return [.. plan.Kernels.Select(kernel => kernel.Step.Operation.Name)];
    }

    private static Node Convolve(Node x, Node w, ConvolutionGeometry geometry) => x.Graph.Add(new Convolution(geometry), x, w);
}
