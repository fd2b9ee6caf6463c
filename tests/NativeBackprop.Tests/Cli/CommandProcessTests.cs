using NativeBackprop.Cli;
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
                Does.Contain("Instruction set:   " + (isa == "best" ? NativeBackprop.Interop.NativeLibraries.Info.BestIsa : isa)));
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
}
