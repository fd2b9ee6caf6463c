namespace NativeBackprop;

/// <summary>One step of a plan, as it prints itself.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Inputs">Names and shapes of what it reads.</param>
/// <param name="Outputs">Names and shapes of what it writes.</param>
/// <param name="Call">The native call.</param>
/// <param name="Flops">Floating-point operations.</param>
/// <param name="Bytes">Bytes read or written.</param>
/// <param name="Threads">How many threads do a part of it.</param>
/// <param name="Meets">True when the threads meet before it.</param>
/// <param name="Place">
/// Where the first output lies: an offset into the arena in bytes, marked when it overwrites an operand; a parameter; nothing.
/// </param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record PlanStepReport(
    string Name, string Inputs, string Outputs, string Call, long Flops, long Bytes, int Threads, bool Meets, string Place);

/// <summary>A plan as it prints itself.</summary>
/// <param name="Steps">The steps in order.</param>
/// <param name="ArenaBytes">Memory of all intermediate values.</param>
/// <param name="BytesWithoutReuse">What it would be if no value reused another's memory.</param>
/// <param name="InPlace">How many results overwrite an operand.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record PlanReport(IReadOnlyList<PlanStepReport> Steps, long ArenaBytes, long BytesWithoutReuse, int InPlace);
