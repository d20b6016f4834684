"""C++ sources for Doxygen: the same lines, with each comment that belongs to a declaration in Doxygen's form.

The sources say what a function promises in plain `//` comments above it. Doxygen reads `///` and, after a member,
`///<`. What is in the body of a function stays as it is. A comment is text for people: nothing in it is a command.
"""

import re
from collections.abc import Iterator, Sequence

MARKER = re.compile(r"\s*//(:|\s*@(lab|from|main|end)\b)")
"""A line that says what a student writes, which the site leaves out."""

_COMMENT = re.compile(r"(\s*)//(?!/)(.*)")
_TRAILING = re.compile(r"(.*?\S.*?)(\s+)//(?!/)(.*)")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'')
_OPENS_SCOPE = re.compile(r"(?:^|[\s>])(?:class|struct|union|enum|namespace|extern)\b[^()=]*$")
_NO_DECLARATION = re.compile(r"\s*(?:static_assert|asm|#(?!\s*define)|\}|\)|public:|private:|protected:)")
_OF_A_NAMESPACE = re.compile(r"(?!(?:template|struct|class|enum|union|using|static|concept|extern|namespace)\b)[A-Za-z_\[]")
_CODE_SPAN = re.compile(r"(`[^`]*`)")
_NO_END = re.compile(r"^( Lab \d)\.")
"""A full stop that ends no sentence: Doxygen would take the words before it for the file's first sentence."""
_SHORTENED = re.compile(r"\b(vol)\. ")
_DRAWING = re.compile(r" {3,}\S")


def documented(lines: Sequence[str]) -> list[str]:
    """Returns the lines of a source, one for one, with its comments for Doxygen. The file's first comment stays."""
    lines = ["" if MARKER.match(line) else line for line in lines]
    out = list(lines)
    bodies = _in_bodies(lines)
    column = -1  # of the comment after a member, which may continue in the next line
    for place, line in enumerate(lines):
        whole, trailing = _COMMENT.fullmatch(line), _TRAILING.fullmatch(line)
        if bodies[place]:
            column = -1
        elif whole and len(whole[1]) == column:
            out[place] = f"{whole[1]}///<{plain(whole[2])}"
        elif trailing and not line.lstrip().startswith(("#", "}")) and not _QUOTED.search(line):
            column = len(trailing[1]) + len(trailing[2])
            out[place] = f"{trailing[1]}{trailing[2]}///<{plain(trailing[3])}"
        else:
            column = -1
    for first, end in _blocks(lines, out):
        if first > 0 and not bodies[first] and _is_declaration(lines, end):
            texts = described([lines[place].lstrip()[2:] for place in range(first, end)])
            for place, text in zip(range(first, end), texts, strict=True):
                indent = lines[place].partition("//")[0]
                out[place] = f"{indent}///{text}"
    return _with_statics(out)


def listed(lines: Sequence[str]) -> list[str]:
    """Returns the lines of a source that is only to be shown: Doxygen ignores its content."""
    return [f"/** @cond */ {lines[0]}", *lines[1:], "/** @endcond */"] if lines[0].startswith("//") else list(lines)


def concepts(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields name and lines of each concept that asks for functions, whose comments Doxygen itself would not show."""
    name = ""
    found: list[str] = []
    for line in lines:
        if match := re.match(r"concept (\w+) = requires.*\{$", line):
            name, found = match[1], []
        if name and not MARKER.match(line):
            found.append(line)
        if name and line == "};":
            yield name, found
            name = ""


def file_comment(lines: Sequence[str]) -> list[str]:
    """Returns what the file's first comment says, in Doxygen's form; nothing if the file begins with none."""
    found = []
    for line in lines:
        match = _COMMENT.fullmatch(line)
        if match is None or MARKER.match(line):
            break
        found.append(match[2])
    return described([_NO_END.sub(r"\1:", found[0]), *found[1:]] if found else [])


def described(texts: Sequence[str]) -> list[str]:
    """Returns the lines of one comment, without the slashes; a drawing in it stays one."""
    out = []
    drawing = item = False
    for place, text in enumerate(texts):
        item = text.startswith((" - ", " * ")) or (item and text.startswith("   "))
        is_drawn = bool(_DRAWING.match(text)) and not item
        following = texts[place + 1] if place + 1 < len(texts) else ""
        ends = is_drawn and not _DRAWING.match(following)
        text = text if is_drawn else plain(text)
        out.append(f"{' @verbatim' if is_drawn and not drawing else ''}{text}{' @endverbatim' if ends else ''}")
        drawing = is_drawn and not ends
    return out


def plain(text: str) -> str:
    """Returns the text with nothing in it that Doxygen would obey; `code` stays code."""
    parts = _CODE_SPAN.split(text)
    escaped = (part if part.startswith("`") else re.sub(r"([\\@<>#&$%*_|~])", r"\\\1", part) for part in parts)
    return _SHORTENED.sub(r"\1.\\ ", "".join(escaped))


def _is_declaration(lines: Sequence[str], place: int) -> bool:
    """Returns whether what follows a comment that ends before `place` is something that it can describe."""
    while place < len(lines) and not lines[place].strip():
        return False
    return place < len(lines) and not _NO_DECLARATION.match(lines[place])


def _blocks(lines: Sequence[str], out: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yields first line and end of each run of lines that are only comments."""
    first = None
    for place, line in enumerate([*lines, ""]):
        comment = place < len(lines) and _COMMENT.fullmatch(line) and out[place] == line
        if comment and first is None:
            first = place
        elif not comment and first is not None:
            yield first, place
            first = None


def _in_bodies(lines: Sequence[str]) -> list[bool]:
    """Returns for each line whether it begins in the body of a function, or in an initializer."""
    out, scopes, head = [], [], ""
    for line in lines:
        out.append("body" in scopes)
        code = _QUOTED.sub('""', line).partition("//")[0]
        if code.lstrip().startswith("#"):
            continue
        for piece in re.split(r"([{};])", code):
            if piece == "{":
                scopes.append("scope" if _OPENS_SCOPE.search(_without_brackets(head)) else "body")
            elif piece == "}" and scopes:
                scopes.pop()
            head = "" if piece in ("{", "}", ";") else f"{head} {piece}"
    return out


def _with_statics(lines: Sequence[str]) -> list[str]:
    """Returns the lines, with `static` where a name belongs to this file alone.

    Doxygen takes what is in an unnamed namespace for visible everywhere, so that its graphs would join functions of the
    same name in different files.
    """
    out, unnamed, begins = [], False, True
    for line in lines:
        opens, closes = line == "namespace {", unnamed and line == "}  // namespace"
        unnamed = opens or (unnamed and not closes)
        if opens or closes:
            line = ""
        elif unnamed and begins and _OF_A_NAMESPACE.match(line):
            line = f"static {line}"
        begins = not line.strip() or line.endswith((";", "}", "{")) or line.startswith(("//", "template"))
        out.append(line)
    return out


def _without_brackets(head: str) -> str:
    """Returns the head of a definition without attributes, alignment and a template's requirements."""
    return re.sub(
        r"\[\[.*?\]\]|alignas\([^()]*\)|^\s*template <.*?>\s+(?=class|struct|union|requires)|\(.*?\)(?= *(struct|class))",
        " ",
        head,
    )
