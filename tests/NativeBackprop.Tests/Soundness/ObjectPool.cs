namespace NativeBackprop.Tests.Soundness;

/// <summary>The objects that a sequence of calls has made so far, by type.</summary>
internal sealed class ObjectPool
{
    private const int MostOfAType = 40;

    private readonly Dictionary<Type, List<object>> _objects = [];

    /// <summary>Takes in what a call returned: the object, or the library's objects in an array.</summary>
    public void Add(object? value, Random random)
    {
        if (value is Array array)
        {
            if (array.Length <= MostOfAType && !array.GetType().GetElementType()!.IsPrimitive)
            {
                foreach (object? item in array)
                {
                    Add(item, random);
                }
            }

            return;
        }

        if (value is null || value.GetType().Assembly != Surface.Library && !IsUsers(value.GetType()))
        {
            return;
        }

        if (!_objects.TryGetValue(value.GetType(), out List<object>? list))
        {
            _objects.Add(value.GetType(), list = []);
        }

        if (list.Contains(value, ReferenceEqualityComparer.Instance))
        {
            return;
        }

        if (list.Count < MostOfAType)
        {
            list.Add(value);
        }
        else
        {
            list[random.Next(list.Count)] = value;
        }
    }

    /// <summary>All objects that can stand for a type.</summary>
    public List<object> Of(Type type)
    {
        var found = new List<object>();
        foreach ((Type key, List<object> list) in _objects)
        {
            if (type.IsAssignableFrom(key))
            {
                found.AddRange(list);
            }
        }

        return found;
    }

    public bool TryPick(Type type, Random random, out object? value)
    {
        List<object> found = Of(type);
        value = found.Count > 0 ? found[random.Next(found.Count)] : null;
        return value is not null;
    }

    /// <summary>Forgets some object, so that the collector may take it.</summary>
    public void Drop(Random random)
    {
        List<object>[] lists = [.. _objects.Values.Where(list => list.Count > 0)];
        if (lists.Length > 0)
        {
            List<object> list = lists[random.Next(lists.Length)];
            list.RemoveAt(random.Next(list.Count));
        }
    }

    public ObjectPool Copy()
    {
        var copy = new ObjectPool();
        foreach ((Type key, List<object> list) in _objects)
        {
            copy._objects.Add(key, [.. list]);
        }

        return copy;
    }

    private static bool IsUsers(Type type) => type.Assembly == typeof(ObjectPool).Assembly;
}
