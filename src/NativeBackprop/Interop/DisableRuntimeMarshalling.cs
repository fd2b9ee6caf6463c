// Every native signature is blittable, so a call needs no stub and a type that would need marshalling is an error.
[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]
