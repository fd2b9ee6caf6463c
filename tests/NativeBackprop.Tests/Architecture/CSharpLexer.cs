namespace NativeBackprop.Tests.Architecture;

/// <summary>A word or a mark of C# source, with its line.</summary>
internal readonly record struct Token(string Text, int Line)
{
    public bool IsWord => Text.Length > 0 && (char.IsLetter(Text[0]) || Text[0] is '_' or '@');
}

/// <summary>
/// Cuts C# source into words and single marks. Comments, characters, strings and preprocessor lines leave nothing
/// behind; the holes of an interpolated string are code.
/// </summary>
internal sealed class CSharpLexer
{
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;

    private CSharpLexer(string text) => _text = text;

    public static List<Token> Read(string text)
    {
        var lexer = new CSharpLexer(text);
        while (lexer._at < text.Length)
        {
            lexer.ReadOne();
        }

        return lexer._tokens;
    }

    private char Peek(int ahead = 0) => _at + ahead < _text.Length ? _text[_at + ahead] : '\0';

    private bool Sees(string what) => string.CompareOrdinal(_text, _at, what, 0, what.Length) == 0;

    private void Advance(int count = 1)
    {
        for (; count > 0 && _at < _text.Length; count--)
        {
            _line += _text[_at++] == '\n' ? 1 : 0;
        }
    }

    private void AdvanceTo(string end)
    {
        int found = _text.IndexOf(end, _at, StringComparison.Ordinal);
        Advance((found < 0 ? _text.Length : found + end.Length) - _at);
    }

    private void ReadOne()
    {
        char c = Peek();
        if (char.IsWhiteSpace(c))
        {
            Advance();
        }
        else if (Sees("//") || (c == '#' && _text[(_text.LastIndexOf('\n', _at) + 1).._at].Trim().Length == 0))
        {
            AdvanceTo("\n");
        }
        else if (Sees("/*"))
        {
            Advance(2);
            AdvanceTo("*/");
        }
        else if (c == '\'')
        {
            ReadQuoted('\'');
        }
        else if (c is '"' or '$' || Sees("@\"") || Sees("@$"))
        {
            ReadString();
        }
        else if (char.IsLetter(c) || c is '_' or '@')
        {
            int start = _at++;
            while (char.IsLetterOrDigit(Peek()) || Peek() == '_')
            {
                _at++;
            }

            _tokens.Add(new Token(_text[start.._at], _line));
        }
        else if (char.IsDigit(c))
        {
            // The point of a number is followed by a digit; that of a range or of a method on a number is not.
            while (char.IsLetterOrDigit(Peek()) || Peek() == '_' || (Peek() == '.' && char.IsDigit(Peek(1))))
            {
                _at++;
            }

            _tokens.Add(new Token("0", _line));
        }
        else
        {
            _tokens.Add(new Token(c.ToString(), _line));
            Advance();
        }
    }

    private void ReadQuoted(char quote)
    {
        for (Advance(); _at < _text.Length && Peek() != quote; Advance(Peek() == '\\' ? 2 : 1))
        {
        }

        Advance();
    }

    private void ReadString()
    {
        int dollars = 0;
        bool verbatim = false;
        for (; Peek() is '$' or '@'; Advance())
        {
            dollars += Peek() == '$' ? 1 : 0;
            verbatim |= Peek() == '@';
        }

        int quotes = 0;
        while (Peek(quotes) == '"')
        {
            quotes++;
        }

        // Two quotes are an empty string; three or more open a raw one, which as many close.
        bool raw = !verbatim && quotes >= 3;
        if (dollars == 0 && !raw && !verbatim)
        {
            ReadQuoted('"');
            return;
        }

        string end = new('"', raw ? quotes : 1);
        Advance(end.Length);
        while (_at < _text.Length)
        {
            if (verbatim && Sees("\"\""))
            {
                Advance(2);
            }
            else if (Sees(end))
            {
                Advance(end.Length);
                return;
            }
            else if (!raw && !verbatim && Peek() == '\\')
            {
                Advance(2);
            }
            else if (dollars > 0 && Peek() == '{')
            {
                ReadBraces(dollars, raw);
            }
            else
            {
                Advance();
            }
        }
    }

    // In $"" a doubled brace is text; in a raw string a hole opens with as many braces as there are dollars.
    private void ReadBraces(int dollars, bool raw)
    {
        int braces = 0;
        while (Peek(braces) == '{')
        {
            braces++;
        }

        Advance(braces);
        bool hole = raw ? braces >= dollars : braces % 2 == 1;
        for (int depth = 0; hole && _at < _text.Length && (depth > 0 || Peek() != '}');)
        {
            depth += Peek() switch { '{' or '(' => 1, '}' or ')' => -1, _ => 0 };
            ReadOne();
        }

        Advance(hole ? (raw ? dollars : 1) : 0);
    }
}
