using System.Text.Json;
using NativeBackprop.Cli;
using NativeBackprop.Interop;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Interop;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary><c>--products</c> and <c>NBP_PRODUCTS</c>, with OpenBLAS and without.</summary>
[TestFixture]
internal sealed class ProductChoiceTests
{
    private const string Variable = "NBP_PRODUCTS";

    private static readonly string[] _plan = ["bench", "--plan", "--rows", "small", "--threads", "1", "--optimizer", "sgd"];
    private static readonly string[] _training = ["train", "digits", "--epochs", "1", "--hidden", "8", "--seed", "1"];

    // The library of each product of a printed plan.
    private static string[] Libraries(string output)
    {
        string[] libraries =
        [
            .. output.Split('\n').SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(word => word is "nb_product_run" or "cblas_sgemm"),
        ];
        Assert.That(libraries, Has.Length.EqualTo(5), output);
        return libraries;
    }

    private static ChildResult Succeed(string[] args, params (string Name, string Value)[] variables)
    {
        ChildResult result = Child.Nbp(args, variables);
        Assert.That((result.ExitCode, result.Error), Is.EqualTo((CliHost.Success, "")), string.Join(' ', args));
        return result;
    }

    private static string Fail(string[] args, params (string Name, string Value)[] variables)
    {
        ChildResult result = Child.Nbp(args, variables);
        Assert.That(result.ExitCode, Is.EqualTo(CliHost.Failure), result.Output);
        Assert.That(result.ErrorLine, Does.StartWith("nbp: error: "));
        return result.ErrorLine;
    }

    [TestCase("own", "nb_product_run")]
    [TestCase("openblas", "cblas_sgemm")]
    public void Option_and_variable_choose_the_library_and_the_option_goes_first(string value, string call)
    {
        OpenBlasPresence.Require();
        string other = value == "own" ? "openblas" : "own";
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Libraries(Nbp.Succeed([.. _plan, "--products", value])), Is.All.EqualTo(call));
            Assert.That(Libraries(Succeed(_plan, (Variable, value)).Output), Is.All.EqualTo(call));
            Assert.That(Libraries(Succeed([.. _plan, "--products", value], (Variable, other)).Output), Is.All.EqualTo(call));
        }
    }

    [Test]
    public void Auto_is_what_stands_without_option_and_variable()
    {
        string[] expected = Libraries(Succeed(_plan).Output);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Libraries(Succeed([.. _plan, "--products", "auto"]).Output), Is.EqualTo(expected));
            Assert.That(Libraries(Succeed(_plan, (Variable, "auto")).Output), Is.EqualTo(expected));
            Assert.That(Libraries(Succeed(_plan, (Variable, "")).Output), Is.EqualTo(expected));
        }
    }

    [Test]
    public void Core_of_a_lower_level_leaves_all_products_to_our_own()
    {
        OpenBlasPresence.Require();
        Assume.That(Kernels.nb_best_isa(), Is.EqualTo(nb_isa.NB_ISA_AVX512), "this CPU has no better kernels than Haswell's");
        (string, string) core = ("NBP_OPENBLAS_CORETYPE", "Haswell");
        Assert.That(Libraries(Succeed(_plan, core).Output), Is.All.EqualTo("nb_product_run"));
        Assert.That(
            Succeed(["info"], core).Output, Does.Contain("Products:        our own, as OpenBLAS's Haswell kernels do not use avx512"));
    }

    [TestCase("train", "digits")]
    [TestCase("bench", "--plan")]
    public void Option_with_another_value_is_wrong_usage(params string[] command) =>
        Assert.That(
            Nbp.Fail(CliHost.WrongUsage, [.. command, "--products", "mkl"]),
            Does.Contain("--products: expected one of auto, openblas, own, got 'mkl'"));

    [Test]
    public void Reproducible_training_takes_no_OpenBLAS()
    {
        string[] reproducible = [.. _training, "--reproducible"];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                Nbp.Fail(CliHost.WrongUsage, [.. reproducible, "--products", "openblas"]),
                Does.Contain("OpenBLAS's products differ").And.Contain("takes Own"));
            Assert.That(Fail(reproducible, (Variable, "openblas")), Does.Contain("NBP_PRODUCTS asks for OpenBLAS"));
            Assert.That(Nbp.Succeed([.. reproducible, "--products", "own"]), Does.Contain("Held-out accuracy"));
        }
    }

    [TestCase("info")]
    [TestCase("train", "digits", "--epochs", "1")]
    [TestCase("bench", "--plan", "--rows", "tiny")]
    public void Variable_with_another_value_is_named_with_what_is_allowed(params string[] command) =>
        Assert.That(Fail(command, (Variable, "mkl")), Does.Contain("NBP_PRODUCTS must be auto, openblas or own, got 'mkl'"));

    [TestCase("own", "our own (NBP_PRODUCTS=own)")]
    [TestCase("openblas", "OpenBLAS (NBP_PRODUCTS=openblas)")]
    [TestCase("auto", "(NBP_PRODUCTS=auto)")]
    public void Info_says_what_auto_means_here(string value, string expected)
    {
        OpenBlasPresence.Require();
        string[] lines = Succeed(["info"], (Variable, value)).Output.Split('\n');
        Assert.That(lines.Single(line => line.StartsWith("Products:", StringComparison.Ordinal)).TrimEnd(), Does.EndWith(expected));
        string json = Succeed(["info", "--json"], (Variable, value)).Output;
        Assert.That(JsonDocument.Parse(json).RootElement.GetProperty("products").GetString(), Does.EndWith(expected));
    }

    [Test]
    [Platform("Linux", Reason = "hides OpenBLAS by the loader's path")]
    public void Without_OpenBLAS_everything_works_by_our_own_products()
    {
        (string, string) hidden = OpenBlasPresence.Hidden();
        string info = Succeed(["info"], hidden).Output;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info, Does.Contain("OpenBLAS:        none").And.Contain("Products:        our own, as there is no OpenBLAS"));
            Assert.That(info, Does.Contain("warning: All products are our own: OpenBLAS was not found"));
            Assert.That(info, Does.Contain(OpenBlasLocator.InstallHint));
            Assert.That(Libraries(Succeed(_plan, hidden).Output), Is.All.EqualTo("nb_product_run"));
            Assert.That(Succeed(_training, hidden).Output, Does.Contain("OpenBLAS core:     none"));
            Assert.That(
                Succeed(["bench", "--rows", "tiny", "--rounds", "1", "--optimizer", "sgd"], hidden).Output,
                Does.Contain("; no OpenBLAS; ").And.Contain("tiny "));
        }

        string bench = Succeed(["bench", "--rows", "tiny", "--rounds", "1", "--threads", "2", "--json"], hidden).Output;
        JsonElement row = JsonDocument.Parse(bench).RootElement.GetProperty("rows")[0];
        Assert.That(row.GetProperty("ratio_to_products").GetDouble(), Is.GreaterThan(0));
    }

    [Test]
    [Platform("Linux", Reason = "hides OpenBLAS by the loader's path")]
    public void Asking_for_an_OpenBLAS_that_is_missing_says_how_to_install_it()
    {
        (string, string) hidden = OpenBlasPresence.Hidden();
        string[] option = ["--products", "openblas"];
        foreach (string error in (string[])[
            Fail([.. _training, .. option], hidden), Fail([.. _plan, .. option], hidden), Fail(_training, hidden, (Variable, "openblas")),
            Fail(["info"], hidden, (Variable, "openblas"))])
        {
            Assert.That(error, Does.Contain("OpenBLAS was not found; tried ").And.Contain(OpenBlasLocator.InstallHint));
        }

        // Training, and the measurement on what is held out: neither asks for another library than the option names.
        Succeed([.. _training, "--products", "own"], hidden, (Variable, "openblas"));
        Assert.That(
            Fail(["info"], hidden, (OpenBlasLocator.PathVariable, "/nowhere/libopenblas.so")),
            Does.Contain("NBP_OPENBLAS_PATH names").And.Contain("/nowhere/libopenblas.so"));
    }

    [Test]
    public void Trainer_refuses_a_library_that_does_not_exist()
    {
        var options = new TrainerOptions { Products = (ProductLibrary)7 };
        Assert.That(
            () => new Trainer(new Sequential(new Linear(2, 2)), new SoftmaxCrossEntropy(), new Sgd(0.1f), options),
            Throws.TypeOf<OptionException>().With.Message.Contains("must be Auto, OpenBlas or Own, got 7"));
    }
}
