namespace NativeBackprop.Tests.Architecture;

/// <summary>One C# file seen as tokens: the types it declares, the types and namespaces it mentions.</summary>
internal sealed class SourceFile(string path, string folder, string text)
{
    private static readonly HashSet<string> _declaring = ["class", "struct", "interface", "enum", "record"];

    // Words that may follow a name without making it a type's: `Value is`, `Length switch`.
    private static readonly HashSet<string> _operators =
        ["is", "as", "and", "or", "not", "when", "where", "in", "switch", "with", "on", "equals", "into", "select", "orderby", "by",
        "else"];

    private readonly List<Token> _tokens = CSharpLexer.Read(text);

    public string Path { get; } = path;

    public string Folder { get; } = folder;

    /// <summary>Names of the types declared here, nested ones included.</summary>
    public IEnumerable<string> DeclaredTypes()
    {
        for (int i = 0; i + 1 < _tokens.Count; i++)
        {
            if (_declaring.Contains(At(i)) && _tokens[i + 1].IsWord && !_declaring.Contains(At(i + 1)) && !_operators.Contains(At(i + 1))
                && (At(i) != "record" || At(i + 2) is "(" or "{" or ":" or ";" or "<"))
            {
                yield return At(i + 1);
            }
            else if (At(i) == "delegate" && _tokens[i + 1].IsWord)
            {
                // delegate <return type> Name<T>(…)
                int open = _tokens.FindIndex(i, token => token.Text == "(");
                int name = At(open - 1) == ">" ? _tokens.FindLastIndex(open, token => token.Text == "<") - 1 : open - 1;
                yield return At(name);
            }
        }
    }

    /// <summary>Segments after <c>NativeBackprop.</c> wherever a namespace is written out.</summary>
    public IEnumerable<Token> Namespaces() =>
        Enumerable.Range(0, Math.Max(0, _tokens.Count - 2))
            .Where(i => At(i) == "NativeBackprop" && At(i + 1) == "." && At(i - 1) != "namespace")
            .Select(i => _tokens[i + 2]);

    /// <summary>Words of that list which stand where only a type can stand.</summary>
    public IEnumerable<Token> Mentions(IReadOnlySet<string> types) =>
        Enumerable.Range(0, _tokens.Count).Where(i => types.Contains(At(i)) && IsType(i)).Select(i => _tokens[i]);

    private string At(int i) => i >= 0 && i < _tokens.Count ? _tokens[i].Text : "";

    private bool IsType(int i)
    {
        string before = At(i - 1);
        if (before == ".")
        {
            // A member of something else, unless it is qualified by one of our namespaces.
            return At(i - 2) == "NativeBackprop" || (At(i - 3) == "." && At(i - 4) == "NativeBackprop");
        }

        if (_declaring.Contains(before))
        {
            return false;
        }

        // The name's generic arguments belong to it: `new Buffer<float>(…)`, `Buffer<float> x`.
        int after = i + 1;
        if (At(after) == "<" && ClosingAngle(after) is var close and > 0)
        {
            after = close + 1;
        }

        // Marks that may stand between a type and the name declared with it.
        int name = after;
        while (At(name) is "?" or "*" or "[" or "]" or ",")
        {
            if (At(name) == "," && At(name - 1) is not ("[" or ","))
            {
                break;
            }

            name++;
        }

        return before is "new" or "is" or "as" or "not" or "case" or "ref" or "out"
            || (before == "(" && At(i - 2) is "typeof" or "default" or "sizeof" or "nameof")
            || (name < _tokens.Count && _tokens[name].IsWord && !_operators.Contains(At(name)) && !IsTernary(after, name))
            || (At(after) == "." && _tokens[after + 1].IsWord && !IsMemberHere(At(i)))
            || (before is "<" or "," && At(after) is ">" or ",") && InsideAngles(i)
            || (before is ":" or "," && InBaseList(i))
            || (before == "(" && At(after) == ")" && IsCast(i - 1, after + 1))
            || (before is "{" or "," && At(after) == "=" && At(after + 1) == ">");
    }

    // `Flag ? one : other`: a question mark, and a colon before the statement ends.
    private bool IsTernary(int after, int name)
    {
        if (At(after) != "?" || name != after + 1)
        {
            return false;
        }

        int next = _tokens.FindIndex(name, token => token.Text is ":" or ";" or ")" or "=" or "{" or ",");
        return At(next) == ":";
    }

    // `(Type)name` or `(Type)(…)`, and no call before it.
    private bool IsCast(int open, int operand) =>
        (_tokens.ElementAtOrDefault(operand).IsWord || At(operand) == "(") && !IsCall(open);

    private bool IsCall(int open) =>
        open > 0 && _tokens[open - 1].IsWord && At(open - 1) is not ("return" or "in" or "await" or "if" or "while");

    // A property or field of that name in the same file: `Shape Shape { get; }` makes `Shape.Rank` ambiguous.
    private bool IsMemberHere(string word) =>
        Enumerable.Range(1, Math.Max(0, _tokens.Count - 2)).Any(i => At(i) == word
            && (_tokens[i - 1].IsWord || At(i - 1) is ">" or "]" or "?" or "*")
            && !_declaring.Contains(At(i - 1)) && !_operators.Contains(At(i - 1))
                && At(i - 1) is not ("new" or "return" or "case" or "await")
            && At(i + 1) is "{" or ";" or "," or ")" or "=");

    private int ClosingAngle(int open)
    {
        int depth = 0;
        for (int i = open; i < _tokens.Count; i++)
        {
            depth += At(i) switch { "<" => 1, ">" => -1, _ => 0 };
            if (depth == 0)
            {
                return i;
            }

            if (!_tokens[i].IsWord && At(i) is not ("<" or ">" or "," or "." or "?" or "[" or "]" or "*" or "(" or ")"))
            {
                return 0;
            }
        }

        return 0;
    }

    private bool InsideAngles(int i)
    {
        int open = _tokens.FindLastIndex(i, token => token.Text is "<" or ";" or "{" or "}" or "=");
        return At(open) == "<" && ClosingAngle(open) > i;
    }

    // Between a colon and the body of a type, or in a generic constraint.
    private bool InBaseList(int i)
    {
        int start = _tokens.FindLastIndex(i, token => token.Text is "{" or "}" or ";");
        int colon = _tokens.FindLastIndex(i, token => token.Text == ":");
        return colon > start && Enumerable.Range(start + 1, colon - start - 1).Any(k => _declaring.Contains(At(k)) || At(k) == "where");
    }
}
