using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NativeBackprop.Data;
using NativeBackprop.Interop;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>
/// A reproducible training comes to the same bits for any number of threads, with every instruction set, on every machine: its digest is
/// written here. The level belongs to the whole process: nothing else may run meanwhile, and it is put back.
/// </summary>
[TestFixture]
[NonParallelizable]
internal sealed class ReproducibleTests
{
    private const int Rows = 37, Inputs = 300, Classes = 7;

    private static readonly int[] _threads = [1, 2, 3];
    private nb_isa _before;

    private static IEnumerable<nb_isa> Levels
    {
        get
        {
            NativeLibraries.EnsureLoaded();
            return Enum.GetValues<nb_isa>().Where(isa => isa <= Kernels.nb_best_isa());
        }
    }

    [SetUp]
    public void RememberLevel()
    {
        NativeLibraries.EnsureLoaded();
        _before = Kernels.nb_active_isa();
    }

    [TearDown]
    public void RestoreLevel() => Assert.That(Kernels.nb_set_isa(_before), Is.EqualTo(nb_status.NB_OK));

    // Each loss with one of the optimizers, each with every layer: a change of these figures is a change of everybody's results.
    [TestCase("softmax_cross_entropy", "sgd", "6CDFB75328C1C558")]
    [TestCase("softmax_cross_entropy_dense", "momentum", "948DC153B3277E80")]
    [TestCase("sigmoid_cross_entropy", "nesterov", "3D96B187671DD8BE")]
    [TestCase("mse", "adagrad", "C4C01C7F066636FB")]
    [TestCase("l1", "rmsprop", "1AE78E6172DCCD4A")]
    [TestCase("huber", "adam", "80127DC1582CD697")]
    [TestCase("multiclass_hinge", "adamw", "A91C2B52F3A0B824")]
    [TestCase("gaussian_nll", "adam", "DD2DA5BDCA68D02A")]
    public void A_network_of_every_layer_trains_to_the_same_bits(string loss, string optimizer, string digest) =>
        RequireDigest(digest, (threads, hash) => TrainEverything(loss, optimizer, threads, hash));

    [TestCase("images", "sgd", "FCB10AA09605C4D8")]
    [TestCase("images", "adam", "F1598EB43EC71672")]
    [TestCase("signals", "sgd", "3CBE38A1F2FED980")]
    [TestCase("recurrences", "sgd", "1BD9E56D9511ABEE")]
    [TestCase("recurrences", "adam", "7E1AEA34BFA991AB")]
    [TestCase("symbols", "sgd", "C745F0736D7FABAC")]
    public void Images_signals_and_sequences_train_to_the_same_bits(string model, string optimizer, string digest) =>
        RequireDigest(digest, (threads, hash) => TrainRows(model, optimizer, threads, hash));

    [Test]
    public void Training_on_digits_comes_to_the_same_bits() => RequireDigest("82C2BCB793EFFAE7", TrainOnDigits);

    [Test]
    public void Predictions_of_a_reproducible_predictor_are_those_of_every_level_and_batch_size()
    {
        float[] inputs = Uniform(1, Rows * Inputs);
        string? expected = null;
        foreach (nb_isa level in Levels)
        {
            Assert.That(Kernels.nb_set_isa(level), Is.EqualTo(nb_status.NB_OK));
            Layer model = Everything(Classes);
            model.Initialize(1);
            foreach (int batch in (int[])[1, 8, Rows])
            {
                using Predictor predictor = model.CreatePredictor(batch, new PredictorOptions { Reproducible = true });
                var outputs = new float[Rows * Classes];
                for (int row = 0; row < Rows; row += batch)
                {
                    int count = Math.Min(batch, Rows - row);
                    predictor.Predict(inputs.AsSpan(row * Inputs, count * Inputs), outputs.AsSpan(row * Classes, count * Classes));
                }

                Assert.That(outputs.All(float.IsFinite));
                string digest = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(outputs)));
                Assert.That(digest, Is.EqualTo(expected ??= digest), $"{KernelLibrary.IsaName(level)}, batches of {batch}");
            }
        }
    }

    [Test]
    public void A_reproducible_plan_refuses_OpenBLAS() => Assert.That(
        () => new Graph().Compile([new Graph().Input("x")], new PlanOptions { Reproducible = true, Products = ProductLibrary.OpenBlas }),
        Throws.TypeOf<OptionException>().With.Message.Contains("a reproducible plan takes Own"));

    private static void RequireDigest(string digest, Action<int, IncrementalHash> train)
    {
        foreach (nb_isa level in Levels)
        {
            Assert.That(Kernels.nb_set_isa(level), Is.EqualTo(nb_status.NB_OK));
            foreach (int threads in _threads)
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                train(threads, hash);
                string actual = Convert.ToHexString(hash.GetHashAndReset())[..16];
                Assert.That(actual, Is.EqualTo(digest), $"{KernelLibrary.IsaName(level)}, {threads} threads");
            }
        }
    }

    private static void TrainEverything(string lossName, string optimizerName, int threads, IncrementalHash hash)
    {
        (Loss loss, bool byClass, int outputs) = lossName switch
        {
            "softmax_cross_entropy" => ((Loss)new SoftmaxCrossEntropy(false, 0.1f, [1, 2, 3, 1, 2, 3, 1]), true, Classes),
            "softmax_cross_entropy_dense" => (new SoftmaxCrossEntropy(denseTargets: true), false, Classes),
            "sigmoid_cross_entropy" => (new SigmoidCrossEntropy(), false, Classes),
            "mse" => (new MeanSquaredError(), false, Classes),
            "l1" => (new MeanAbsoluteError(), false, Classes),
            "huber" => (new Huber(0.3f), false, Classes),
            "multiclass_hinge" => (new MulticlassHinge(), true, Classes),
            _ => (new GaussianNll(), false, 2 * Classes),
        };
        Optimizer optimizer = optimizerName switch
        {
            "sgd" => new Sgd(0.01f, weightDecay: 1e-3f),
            "momentum" => new Sgd(0.01f, momentum: 0.9f),
            "nesterov" => new Sgd(0.01f, momentum: 0.9f, nesterov: true),
            "adagrad" => new AdaGrad(0.01f),
            "rmsprop" => new RmsProp(0.001f),
            "adam" => new Adam(0.003f, weightDecay: 1e-3f),
            _ => new AdamW(0.003f),
        };
        var options = new TrainerOptions
        {
            Seed = 5,
            BatchSize = Rows,
            Threads = threads,
            ExactThreads = true,
            Reproducible = true,
            L2 = 1e-3f,
            Regularizers = [Regularizer.L1(1e-4f)],
            GradientTransforms = [GradientTransform.ClipByValue(0.5f), GradientTransform.ClipByNorm(1)],
            Schedule = LearningRateSchedule.WarmUp(2, LearningRateSchedule.Cosine(7, 0.1)),
            RecomputationSegments = lossName == "mse" ? 3 : 1,
        };
        float[] inputs = Uniform(1, Rows * Inputs), targets = Uniform(2, Rows * Classes);
        int[] labels = [.. Enumerable.Range(0, Rows).Select(row => row * 5 % Classes)];
        Layer model = Everything(outputs);
        using var trainer = new Trainer(model, loss, optimizer, options);
        for (int step = 0; step < 4; step++)
        {
            float cost = byClass ? trainer.StepLabels(inputs, labels) : trainer.Step(inputs, targets);
            Assert.That(cost, Is.Not.NaN);
            hash.AppendData(BitConverter.GetBytes(cost));
        }

        Append(model.Parameters.Concat(trainer.State), hash);
    }

    // Every layer of images, signals, sequences and symbols, with the options that change how it is computed.
    private static void TrainRows(string name, string optimizer, int threads, IncrementalHash hash)
    {
        const int rows = 5;
        Sequential model = name switch
        {
            "images" => Images(),
            "signals" => Signals(),
            "recurrences" => new Sequential(
                RowShape.Sequence(6, 9), new Rnn(9, 10, bidirectional: true, activation: new Relu()),
                new Lstm(20, 17, layers: 2, dropout: 0.2f), new Gru(17, 18, output: RecurrentOutput.Last),
                new Linear(18, Classes)),
            _ => new Sequential(
                RowShape.Indices(6, 9), new Embedding(9, 12), new Lstm(12, 16), new LayerNorm(16), new Gru(16, 13),
                new Linear(13, Classes)),
        };
        var options = new TrainerOptions { Seed = 7, BatchSize = rows, Threads = threads, ExactThreads = true, Reproducible = true };
        Optimizer rule = optimizer == "sgd" ? new Sgd(0.01f, momentum: name == "signals" ? 0.9f : 0) : new Adam(0.003f);
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), rule, options);
        bool isText = name == "symbols", isSequence = name is "symbols" or "recurrences";
        var minibatch = new Minibatch
        {
            Inputs = isText ? default : Uniform(3, rows * model.InputRow!.Length),
            Indices = isText ? Enumerable.Range(0, rows * 6).Select(i => i * 5 % 9).ToArray() : default,
            Lengths = isSequence ? new[] { 6, 3, 1, 5, 6 } : default,
            Labels = Enumerable.Range(0, isText ? rows * 6 : rows).Select(i => i * 3 % Classes).ToArray(),
        };
        for (int step = 0; step < 4; step++)
        {
            float cost = trainer.Step(minibatch);
            Assert.That(cost, Is.Not.NaN);
            hash.AppendData(BitConverter.GetBytes(cost));
        }

        Append(model.Parameters.Concat(model.Buffers).Concat(trainer.State), hash);
    }

    private static Sequential Images() => new(
        RowShape.Image(13, 11, 3, channelsFirst: true),
        new Conv2d(3, 20, 3, padding: 1), new BatchNorm(20), new Relu(), new MaxPool2d(2),
        new Residual([new Conv2d(20, 24, 3, stride: 2, padding: 1, bias: false), new BatchNorm(24)], [new Conv2d(20, 24, 1, stride: 2)]),
        new Tanh(), new Upsample(), new Conv2d(24, 24, 3, padding: 1, groups: 24), new GroupNorm(4, 24), new Relu(),
        new Conv2d(24, 40, new Size2d(2, 3), dilation: 2, groups: 2), new Silu(),
        new ConvTranspose2d(40, 10, 3, stride: 2, padding: 1, outputPadding: 1), new AvgPool2d(2), new Flatten(),
        new Linear(80, Classes));

    private static Sequential Signals() => new(
        RowShape.Signal(40, 3), new Conv1d(3, 17, 5, stride: 2, padding: 2), new BatchNorm(17), new Relu(), new MaxPool1d(3, 2, 1),
        new Conv1d(17, 9, 4), new Elu(), new AvgPool1d(2), new GlobalAveragePool(), new Linear(9, Classes));

    // Every layer, every function that a network can be made of, every way to draw initial values.
    private static Sequential Everything(int outputs)
    {
        const int width = 70;
        Initializer[] initializers =
        [
            Initializer.He(), Initializer.He(uniform: true), Initializer.Glorot(), Initializer.Glorot(uniform: false),
            Initializer.Uniform(-0.1f, 0.1f), Initializer.Normal(0.05f), Initializer.Orthogonal(0.5f),
        ];
        var layers = new List<Layer> { new Linear(Inputs, width, weightInitializer: Initializer.He()), new Prelu(width), new Prelu() };
        foreach ((int i, string name) in Functions.Names.Index())
        {
            Layer function = Functions.Create(name);
            layers.Add(new Residual(
                new Linear(width, width, i % 2 == 0, initializers[i % initializers.Length], Initializer.Uniform(-0.1f, 0.1f)), function));
            layers.Add(new LayerNorm(width));
        }

        layers.Add(new Dropout(0.3f));
        layers.Add(new Gated([new Linear(width, 24)], [new Linear(width, 24), new Softmax()]));
        layers.Add(new LowRankLinear(24, 30, 4));
        layers.Add(new Maxout(3));
        layers.Add(new Linear(10, outputs));
        return new Sequential([.. layers]);
    }

    private static void TrainOnDigits(int threads, IncrementalHash hash)
    {
        using FileStream file = File.OpenRead(Repository.PathOf("data", "digits", "digits.csv.gz"));
        DataSplit data = Digits.Load(file).Split(0.2, shuffle: true, seed: 1);
        var model = new Sequential(new Linear(64, 96), new Relu(), new Dropout(0.2f), new Linear(96, 48), new Tanh(), new Linear(48, 10));
        var options = new TrainerOptions { Seed = 1, Threads = threads, ExactThreads = true, Reproducible = true };
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Adam(0.003f), options);
        FitResult result = trainer.Fit(data.Train, data.Test, new FitOptions { Epochs = 2 });
        Assert.That(result.Last!.Test!.Value.Accuracy, Is.GreaterThan(0.8));
        foreach (EpochReport epoch in result.Epochs)
        {
            hash.AppendData(BitConverter.GetBytes(epoch.Train.Loss));
            hash.AppendData(BitConverter.GetBytes(epoch.Test!.Value.Loss));
        }

        Append(model.Parameters.Concat(trainer.State), hash);
    }

    // Parameters, the optimizer's state, counts.
    private static void Append(IEnumerable<Parameter> state, IncrementalHash hash)
    {
        foreach (Parameter parameter in state)
        {
            Assert.That(parameter.Value.ToArray().All(float.IsFinite), parameter.Name);
            hash.AppendData(MemoryMarshal.AsBytes(parameter.Value));
        }
    }

    private static float[] Uniform(ulong seed, int length)
    {
        var random = new RandomSource(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle())];
    }
}
