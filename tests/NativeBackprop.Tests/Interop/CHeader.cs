using System.Text.RegularExpressions;

namespace NativeBackprop.Tests.Interop;

internal sealed record CParameter(string Type, string Name);

internal sealed record CFunction(string Name, string ReturnType, IReadOnlyList<CParameter> Parameters);

internal sealed record CEnum(string Name, IReadOnlyList<(string Name, string Value)> Members);

internal sealed record CStruct(string Name, IReadOnlyList<CParameter> Fields);

/// <summary>
/// The declarations of a C header: prototypes, enums, structs, macros with an integer value. It knows as much of C as headers
/// of that kind use: comments, conditionals over <c>defined</c>, object-like macros, <c>extern "C"</c>; types are an
/// optional const, an optional enum, one name, stars. Anything else is an error rather than a guess.
/// </summary>
internal sealed partial class CHeader
{
    private static readonly HashSet<string> _ignoredTypedefs = ["struct", "union"];
    private readonly Dictionary<string, string> _macros;
    private readonly List<string> _tokens = [];
    private int _position;

    private CHeader(IReadOnlyDictionary<string, string> defined) => _macros = new(defined);

    public List<CFunction> Functions { get; } = [];

    public List<CEnum> Enums { get; } = [];

    /// <summary>Structs that have a name and a body of fields.</summary>
    public List<CStruct> Structs { get; } = [];

    /// <summary>Macros whose body is an integer, in order, as the header defines them.</summary>
    public List<(string Name, string Value)> Constants { get; } = [];

    /// <summary>Reads a header as a compiler would see it that is given these macros.</summary>
    /// <param name="text">The header.</param>
    /// <param name="defined">Macros given on the command line.</param>
    /// <param name="strict">Whether a declaration of an unknown form is an error; otherwise it is passed over.</param>
    public static CHeader Parse(string text, IReadOnlyDictionary<string, string> defined, bool strict = true)
    {
        var header = new CHeader(defined);
        header.Preprocess(text);
        header.ReadDeclarations(strict);
        return header;
    }

    private string Current => _position < _tokens.Count ? _tokens[_position] : "";

    private void Preprocess(string text)
    {
        text = Comments().Replace(text, " ").Replace("\\\n", " ", StringComparison.Ordinal);

        // One entry for each open conditional: whether its lines count now, and whether a branch has counted already.
        var conditionals = new Stack<(bool Active, bool Taken, bool Outer)>();
        bool active = true;
        foreach (string line in text.Split('\n'))
        {
            Match directive = Directive().Match(line);
            if (!directive.Success)
            {
                if (active)
                {
                    _tokens.AddRange(Tokens().Matches(line).SelectMany(token => Expand(token.Value)));
                }

                continue;
            }

            string argument = directive.Groups["rest"].Value.Trim();
            switch (directive.Groups["name"].Value)
            {
                case "if" or "ifdef" or "ifndef":
                    bool holds = directive.Groups["name"].Value switch
                    {
                        "ifdef" => _macros.ContainsKey(argument),
                        "ifndef" => !_macros.ContainsKey(argument),
                        _ => Holds(argument),
                    };
                    conditionals.Push((holds, holds, active));
                    break;
                case "elif" or "else":
                    (_, bool taken, bool outer) = conditionals.Pop();
                    bool now = !taken && (directive.Groups["name"].Value == "else" || Holds(argument));
                    conditionals.Push((now, taken || now, outer));
                    break;
                case "endif":
                    conditionals.Pop();
                    break;
                case "define" when active && Definition().Match(argument) is { Success: true } definition:
                    string value = definition.Groups["value"].Value.Trim();
                    _macros[definition.Groups["name"].Value] = value;
                    if (int.TryParse(value, out _))
                    {
                        Constants.Add((definition.Groups["name"].Value, value));
                    }

                    break;
            }

            active = conditionals.All(conditional => conditional.Active);
        }
    }

    // Terms joined by || and &&; a term that is not about a macro's existence counts as false.
    private bool Holds(string condition) =>
        condition.Split("||").Any(any => any.Split("&&").All(term => DefinedTerm().Match(term.Trim()) is { Success: true } match
            && _macros.ContainsKey(match.Groups["name"].Value) != match.Groups["not"].Success));

    private IEnumerable<string> Expand(string token) =>
        _macros.TryGetValue(token, out string? body)
            ? Tokens().Matches(body).Select(match => match.Value)
            : [token];

    private void ReadDeclarations(bool strict)
    {
        while (_position < _tokens.Count)
        {
            if (Current == "extern")
            {
                _position += 2;
                Expect("{");
            }
            else if (Current is "}" or ";")
            {
                _position++;
            }
            else if (Current == "typedef")
            {
                ReadTypedef();
            }
            else
            {
                int start = _position;
                try
                {
                    ReadFunction();
                }
                catch (FormatException) when (!strict)
                {
                    _position = _tokens.IndexOf(";", start);
                }
            }
        }
    }

    private void ReadTypedef()
    {
        _position++;
        if (Current == "enum")
        {
            _position++;
            string name = Next();
            Expect("{");
            var members = new List<(string, string)>();
            while (Current != "}")
            {
                string member = Next();
                Expect("=");
                members.Add((member, Next()));
                if (Current == ",")
                {
                    _position++;
                }
            }

            Expect("}");
            string alias = Next();
            Enums.Add(alias == name ? new CEnum(name, members) : throw Surprise($"enum {name} has another name, {alias}"));
        }
        else if (Current == "struct" && Word().IsMatch(_tokens[_position + 1]) && _tokens[_position + 2] == "{")
        {
            _position++;
            string name = Next();
            Expect("{");
            var fields = new List<CParameter>();
            while (Current != "}")
            {
                fields.Add(new CParameter(ReadType(), Next()));
                Expect(";");
            }

            Expect("}");
            string alias = Next();
            Structs.Add(alias == name ? new CStruct(name, fields) : throw Surprise($"struct {name} has another name, {alias}"));
        }
        else
        {
            // A second name for a type is not bound; the types that matter are known to the writer.
            int depth = 0;
            for (bool structure = _ignoredTypedefs.Contains(Current); Current != ";" || (structure && depth > 0); _position++)
            {
                depth += Current switch { "{" => 1, "}" => -1, _ => 0 };
            }
        }

        Expect(";");
    }

    private void ReadFunction()
    {
        string returnType = ReadType();
        string name = Next();
        Expect("(");
        var parameters = new List<CParameter>();
        if (Current == "void" && _tokens[_position + 1] == ")")
        {
            _position++;
        }

        while (Current != ")")
        {
            string type = ReadType();
            parameters.Add(new CParameter(type, Next()));
            if (Current == ",")
            {
                _position++;
            }
            else if (Current != ")")
            {
                throw Surprise($"a parameter of {name}");
            }
        }

        Expect(")");
        Expect(";");
        Functions.Add(new CFunction(name, returnType, parameters));
    }

    /// <summary>Reads a type and spells it as clang prints it: words apart, then a space, then the stars.</summary>
    private string ReadType()
    {
        var words = new List<string>();
        while (Current is "const" or "enum" or "unsigned")
        {
            words.Add(Next());
        }

        words.Add(Next());
        string stars = "";
        for (; Current == "*"; _position++)
        {
            stars += "*";
        }

        string type = string.Join(' ', words);
        return stars.Length == 0 ? type : $"{type} {stars}";
    }

    private string Next() =>
        Word().IsMatch(Current) ? _tokens[_position++] : throw Surprise("where a word belongs");

    private void Expect(string token)
    {
        if (Current != token)
        {
            throw Surprise($"instead of '{token}'");
        }

        _position++;
    }

    private FormatException Surprise(string where) =>
        new($"'{Current}' {where}, after: {string.Join(' ', _tokens[Math.Max(0, _position - 12).._position])}");

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"^\s*#\s*(?<name>\w+)(?<rest>.*)$")]
    private static partial Regex Directive();

    [GeneratedRegex(@"^(?<name>\w+)(?:\s+(?<value>.*))?$")]
    private static partial Regex Definition();

    [GeneratedRegex(@"^(?<not>!)?\s*defined\s*\(?\s*(?<name>\w+)\s*\)?$")]
    private static partial Regex DefinedTerm();

    [GeneratedRegex("""\w+|"[^"]*"|\S""")]
    private static partial Regex Tokens();

    [GeneratedRegex(@"^\w+$")]
    private static partial Regex Word();
}
