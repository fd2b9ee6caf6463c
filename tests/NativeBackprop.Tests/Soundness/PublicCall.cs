using System.Reflection;
using System.Reflection.Emit;

namespace NativeBackprop.Tests.Soundness;

/// <summary>What a call has to be given: the object that it is made on, or a parameter.</summary>
/// <param name="Name">The parameter's name; "this" for the object.</param>
/// <param name="Type">What to hand over. A span is handed over as an array.</param>
/// <param name="MayBeNull">True where the signature allows null.</param>
internal sealed record CallInput(string Name, Type Type, bool MayBeNull);

/// <summary>
/// A member as something to call with an array of arguments, which reflection alone cannot do where spans are involved: they are handed
/// over and handed back as arrays.
/// </summary>
internal sealed class PublicCall
{
    private static readonly NullabilityInfoContext _nullability = new();

    private readonly MemberInfo _member;
    private Func<object?[], object?>? _invoke;

    public PublicCall(MemberInfo member)
    {
        _member = member;
        Text = Surface.Text(member);
        Inputs = [.. InputsOf(member)];
        Type returned = member switch
        {
            ConstructorInfo constructor => constructor.DeclaringType!,
            MethodInfo method => method.ReturnType,
            _ => ((FieldInfo)member).FieldType,
        };
        Result = WithoutSpan(returned.IsByRef ? returned.GetElementType()! : returned);
        IsInitializer = member is MethodInfo { Name: ['s', 'e', 't', '_', ..] } setter
            && setter.ReturnParameter.GetRequiredCustomModifiers().Any(type => type.Name == "IsExternalInit");
    }

    /// <summary>Type, name and parameters.</summary>
    public string Text { get; }

    public string Name => _member.Name;

    public Type Declaring => _member.DeclaringType!;

    public bool IsConstructor => _member is ConstructorInfo;

    /// <summary>True for the setter of a property that only an object initialiser may set.</summary>
    public bool IsInitializer { get; }

    public IReadOnlyList<CallInput> Inputs { get; }

    /// <summary>What comes back; an array for a span, void for nothing.</summary>
    public Type Result { get; }

    /// <summary>False for members of types that live on the stack, and for generic ones: only code for them reaches those.</summary>
    public bool CanBeCalled => !Declaring.IsByRefLike && !Declaring.ContainsGenericParameters && !Result.IsByRefLike
        && _member is not MethodBase { ContainsGenericParameters: true }
        && !Inputs.Any(input => input.Type.IsByRefLike || input.Type.IsPointer);

    public object? Invoke(object?[] arguments) => (_invoke ??= Compile())(arguments);

    private static IEnumerable<CallInput> InputsOf(MemberInfo member)
    {
        if (member is MethodInfo { IsStatic: false } or FieldInfo { IsStatic: false })
        {
            yield return new CallInput("this", member.DeclaringType!, false);
        }

        foreach (ParameterInfo parameter in (member as MethodBase)?.GetParameters() ?? [])
        {
            Type type = parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType;
            bool mayBeNull = !type.IsValueType && !type.ContainsGenericParameters
                && _nullability.Create(parameter).WriteState == NullabilityState.Nullable;
            yield return new CallInput(parameter.Name ?? "", WithoutSpan(type), mayBeNull);
        }
    }

    private static Type WithoutSpan(Type type) => IsSpan(type) ? type.GetGenericArguments()[0].MakeArrayType() : type;

    private static bool IsSpan(Type type) => type.IsGenericType
        && (type.GetGenericTypeDefinition() == typeof(Span<>) || type.GetGenericTypeDefinition() == typeof(ReadOnlySpan<>));

    private Func<object?[], object?> Compile()
    {
        if (_member is FieldInfo field)
        {
            return arguments => field.GetValue(field.IsStatic ? null : arguments[0]);
        }

        var method = (MethodBase)_member;
        var code = new DynamicMethod(Name, typeof(object), [typeof(object?[])], typeof(PublicCall).Module, skipVisibility: true);
        ILGenerator il = code.GetILGenerator();
        int next = 0;
        if (!method.IsStatic && !method.IsConstructor)
        {
            LoadArgument(il, next++);
            il.Emit(Declaring.IsValueType ? OpCodes.Unbox : OpCodes.Castclass, Declaring);
        }

        foreach (ParameterInfo parameter in method.GetParameters())
        {
            LoadArgument(il, next++);
            LoadAs(il, parameter.ParameterType);
        }

        Type returned = Declaring;
        if (method is ConstructorInfo constructor)
        {
            il.Emit(OpCodes.Newobj, constructor);
        }
        else
        {
            var plain = (MethodInfo)method;
            il.Emit(plain.IsStatic || Declaring.IsValueType ? OpCodes.Call : OpCodes.Callvirt, plain);
            returned = plain.ReturnType;
        }

        BoxResult(il, returned);
        il.Emit(OpCodes.Ret);
        return code.CreateDelegate<Func<object?[], object?>>();
    }

    private static void LoadArgument(ILGenerator il, int index)
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4, index);
        il.Emit(OpCodes.Ldelem_Ref);
    }

    private static void LoadAs(ILGenerator il, Type type)
    {
        if (type.IsByRef)
        {
            LocalBuilder local = il.DeclareLocal(type.GetElementType()!);
            LoadAs(il, type.GetElementType()!);
            il.Emit(OpCodes.Stloc, local);
            il.Emit(OpCodes.Ldloca, local);
        }
        else if (IsSpan(type))
        {
            Type array = WithoutSpan(type);
            il.Emit(OpCodes.Castclass, array);
            il.Emit(OpCodes.Newobj, type.GetConstructor([array])!);
        }
        else
        {
            il.Emit(OpCodes.Unbox_Any, type);
        }
    }

    private static void BoxResult(ILGenerator il, Type type)
    {
        if (type == typeof(void))
        {
            il.Emit(OpCodes.Ldnull);
            return;
        }

        if (type.IsByRef)
        {
            type = type.GetElementType()!;
            il.Emit(OpCodes.Ldobj, type);
        }

        if (IsSpan(type))
        {
            LocalBuilder local = il.DeclareLocal(type);
            il.Emit(OpCodes.Stloc, local);
            il.Emit(OpCodes.Ldloca, local);
            il.Emit(OpCodes.Call, type.GetMethod("ToArray", Type.EmptyTypes)!);
        }
        else
        {
            il.Emit(OpCodes.Box, type);
        }
    }
}
