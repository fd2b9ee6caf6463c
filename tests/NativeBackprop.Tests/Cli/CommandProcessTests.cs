using NativeBackprop.Cli;
using NativeBackprop.Interop;
using NativeBackprop.Tests.Data;
using NativeBackprop.Tests.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary>
/// What only a process of its own can show: what the environment says about the native libraries, and the real exit codes.
/// </summary>
[TestFixture]
internal sealed class CommandProcessTests
{
    [Test]
    public void Unknown_instruction_set_stops_a_training_run()
    {
        ChildResult result = Child.Nbp(["train", "digits", "--epochs", "1"], ("NBP_FORCE_ISA", "sse9"));
        Assert.That(result.ExitCode, Is.EqualTo(CliHost.Failure));
        Assert.That(result.ErrorLine, Does.Contain("NBP_FORCE_ISA is 'sse9'"));
    }

    [Test]
    public void Missing_OpenBLAS_stops_a_training_run()
    {
        ChildResult result = Child.Nbp(["train", "digits", "--epochs", "1"], ("NBP_OPENBLAS_PATH", "/nowhere/libopenblas.so"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(CliHost.Failure));
            Assert.That(result.ErrorLine, Does.Contain("NBP_OPENBLAS_PATH").And.Contain("/nowhere/libopenblas.so"));
        }
    }

    [Test]
    public void Every_instruction_set_trains_and_prints_its_name([Values("scalar", "best")] string isa)
    {
        ChildResult result = Child.Nbp(["train", "digits", "--epochs", "3"], isa == "best" ? [] : [("NBP_FORCE_ISA", isa)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.Error), Is.EqualTo((CliHost.Success, "")));
            Assert.That(
                result.Output,
                Does.Contain("Instruction set:   " + (isa == "best" ? NativeLibraries.Info.BestIsa : isa)));
        }
    }

    [Test]
    public void Two_processes_with_the_same_seed_save_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        byte[] Trained(string name)
        {
            string file = folder.File(name);
            Assert.That(Child.Nbp(["train", "digits", "--epochs", "2", "--seed", "1", "--save", file]).ExitCode, Is.Zero);
            return File.ReadAllBytes(file);
        }

        Assert.That(Trained("a"), Is.EqualTo(Trained("b")));
    }

    [Test]
    public void A_reproducible_training_saves_the_same_bytes_with_any_instruction_set_and_number_of_threads()
    {
        using var folder = new TemporaryFolder();
        byte[]? expected = null;
        foreach (string isa in Enum.GetValues<nb_isa>().Where(isa => isa <= Kernels.nb_best_isa()).Select(KernelLibrary.IsaName))
        {
            foreach (string threads in (string[])["1", "2"])
            {
                string file = folder.File($"{isa}{threads}");
                ChildResult result = Child.Nbp(
                    ["train", "digits", "--reproducible", "--epochs", "2", "--seed", "1", "--threads", threads, "--hidden", "128,64",
                        "--save", file],
                    ("NBP_FORCE_ISA", isa));
                Assert.That((result.ExitCode, result.Error), Is.EqualTo((CliHost.Success, "")));
                byte[] weights = File.ReadAllBytes(file);
                Assert.That(weights, Is.EqualTo(expected ??= weights), $"{isa}, {threads} threads");
            }
        }
    }

    [Test]
    public void A_reproducible_training_refuses_OpenBLAS()
    {
        ChildResult result = Child.Nbp(["train", "digits", "--reproducible", "--epochs", "1"], ("NBP_PRODUCTS", "openblas"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(CliHost.Failure));
            Assert.That(result.ErrorLine, Does.Contain("NBP_PRODUCTS asks for OpenBLAS").And.Contain("auto or own"));
        }
    }
}
