"""Reads the public headers: every declaration with the comment that stands before or behind it.

Made for this house's headers as clang-format leaves them, not for C++ at large. What counts as
documented: a comment above, a comment behind, or no blank line between a declaration and the
documented one above it (a group). Fields and enumerators may lean on their type's comment.
"""
import re
from dataclasses import dataclass, field

TYPE = re.compile(r"^(?:template\s*<.*>\s*(?:requires\s*\(.*\)\s*)?)?(?:class|struct|enum class)\s+"
                  r"(?:\[\[\w+\]\]\s+)?(?:PAWL_API\s+)?(\w+(?:<[^{:]*>)?)", re.S)
SKIPPED = re.compile(r"^(?:friend\b|static_assert\b|namespace detail\b)")
OWN = re.compile(r"the library's own")  # public for the compiler's sake only


@dataclass
class Symbol:
    text: str  # the declaration, without a body
    comment: str
    line: int
    documented: bool
    kind: str = "value"  # type, function, field, enumerator, value
    members: list = field(default_factory=list)


class Reader:
    def __init__(self, text, path):
        self.text, self.path, self.at = text, path, 0
        self.essay = ""

    def line(self):
        return self.text.count("\n", 0, self.at) + 1

    def skip_blank(self):
        """Passes white space and directives; says whether a blank line was among it."""
        blank = False
        while self.at < len(self.text):
            rest = self.text[self.at:]
            white = re.match(r"[ \t\n]+", rest)
            if white:
                blank = blank or white.group(0).count("\n") > 1
                self.at += white.end()
            elif rest.startswith("#"):
                # A directive ends where its line does not end in a backslash.
                self.at += re.match(r"#(?:.*\\\n)*.*", rest).end()
                blank = True
            else:
                break
        return blank

    def comment(self):
        lines = []
        while self.text.startswith("//", self.at):
            end = self.text.index("\n", self.at)
            lines.append(re.sub(r"^// ?", "", self.text[self.at:end]))
            self.at = end + 1
            self.at += re.match(r"[ \t]*", self.text[self.at:]).end()
        return "\n".join(lines)

    def trailing(self):
        """The comment behind what was just read, on the same line."""
        behind = re.match(r"[ \t]*,?[ \t]*// ?(.*)", self.text[self.at:])
        if not behind or behind.group(1).startswith("NOLINT"):
            return ""
        self.at += behind.end()
        lines = [behind.group(1)]
        # ... and its continuation, which begins further right than any declaration.
        while True:
            more = re.match(r"\n {20,}// ?(.*)", self.text[self.at:])
            if not more:
                return "\n".join(lines)
            lines.append(more.group(1))
            self.at += more.end()

    def balanced(self, opening, closing):
        depth = 0
        while True:
            char = self.text[self.at]
            if self.text.startswith("//", self.at):
                self.at = self.text.index("\n", self.at)
                continue
            if char in "\"'":
                self.at = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'').match(
                    self.text, self.at).end()
                continue
            depth += (char == opening) - (char == closing)
            self.at += 1
            if depth == 0:
                return

    def declaration(self, stop):
        """Text up to `;`, a body or, in an enum, a comma; (text, ended by)."""
        start, depth = self.at, 0
        while True:
            char = self.text[self.at]
            if char == "{" and depth == 0:
                text = self.text[start:self.at]
                scope = TYPE.match(text) or text.startswith("namespace")
                if not scope and "(" not in text:  # Millis patience{2000};
                    self.balanced("{", "}")
                    continue
                return text, "{"
            if char in "([":
                depth += 1
            elif char in ")]":
                depth -= 1
            elif char in stop and depth == 0:
                text = self.text[start:self.at]
                self.at += char != "}"
                return text, char
            elif self.text.startswith("//", self.at):
                self.at = self.text.index("\n", self.at)
            self.at += 1

    def scope(self, enum=False, public=True):
        """The symbols up to the scope's closing brace."""
        found, group = [], False
        while True:
            blank = self.skip_blank()
            if self.at >= len(self.text):
                return found
            note = self.comment()
            if note:
                blank = self.skip_blank() or blank
            elif blank:
                group = False
            if self.at >= len(self.text):
                return found
            if self.text[self.at] == "}":
                self.at += 1
                return found
            access = re.match(r"(public|private|protected):", self.text[self.at:])
            if access:
                public = access.group(1) == "public"
                self.at += access.end()
                continue
            symbol = self.symbol(note, group, enum)
            if symbol is None or not public or OWN.search(symbol.comment):
                continue
            if symbol.kind == "scope":
                found += symbol.members
                continue
            group = symbol.documented
            found.append(symbol)

    def symbol(self, note, group, enum):
        line = self.line()
        text, end = self.declaration(",}" if enum else ";")
        text = re.sub(r"\s*//.*", "", text)
        plain = re.sub(r"\s+", " ", text).strip()
        if not plain:
            return None
        if end == "{":
            kind = TYPE.match(plain)
            if plain.startswith("namespace"):
                self.at += 1
                inner = self.scope()
                if SKIPPED.match(plain):
                    return None
                return Symbol(plain, note, line, True, "scope", inner)
            if kind and "(" not in plain[kind.end():]:
                self.at += 1
                members = self.scope(plain.startswith("enum"), not self.is_class(plain))
                self.skip_semicolon()
                return Symbol(plain, note, line, bool(note), "type", members)
            self.balanced("{", "}")
            self.skip_semicolon()
            plain = re.sub(r"\) (const )?(noexcept )?: .*$", r") \1\2", plain).strip()
        if SKIPPED.match(plain):
            return None
        note = note or self.trailing()
        sort = "enumerator" if enum else "function" if "(" in plain else "field"
        if plain.startswith(("using ", "template")) and sort == "field":
            sort = "value"
        return Symbol(plain, note, line, bool(note) or group, sort)

    @staticmethod
    def is_class(plain):
        return re.search(r"(?:^|> )class ", plain) is not None

    def skip_semicolon(self):
        match = re.match(r"\s*;", self.text[self.at:])
        self.at += match.end() if match else 0


# Written for the compiler; nobody calls them by name.
SILENT = re.compile(r"operator=|= delete$|= default$|^~"
                    r"|^(?:\w+)\((?:const )?\w+&&?(?: other)?\)(?: noexcept)?$")


def read(text, path):
    """(essay, symbols) of a header."""
    reader = Reader(text, path)
    reader.skip_blank()
    essay = reader.comment()
    return essay, reader.scope()


def undocumented(symbols, inside=None):
    """(line, declaration) of each public symbol that nothing is said about."""
    for symbol in symbols:
        leans = inside is not None and inside.documented and symbol.kind in ("field", "enumerator")
        codec = symbol.text.startswith("template") and "struct Codec<" in symbol.text
        if not (symbol.documented or leans or codec or SILENT.search(symbol.text)):
            yield symbol.line, symbol.text
        if symbol.members and not codec:
            yield from undocumented(symbol.members, symbol)
