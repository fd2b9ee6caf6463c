using System.Diagnostics;

namespace NativeBackprop.Interop;

/// <summary>The C type behind a generated declaration; kept in Debug builds only.</summary>
[Conditional("DEBUG")]
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Enum | AttributeTargets.Property | AttributeTargets.Field
    | AttributeTargets.Parameter | AttributeTargets.ReturnValue, AllowMultiple = false, Inherited = true)]
internal sealed class NativeTypeNameAttribute(string name) : Attribute
{
    /// <summary>The type as the header spells it.</summary>
    public string Name { get; } = name;
}
