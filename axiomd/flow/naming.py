"""How the names in an expression become names that the CEL library knows, and columns come back.

An author writes `amount` for a field of the message that the expression is about, and
`inputs.order-review` for a variable whose alias has a dash. Both are respelled here, token by
token, before the library sees them; comments and texts stay as they are, and so does every name
that a macro (`items.all(amount, …)`), a message literal or a message type has of its own.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping

import attrs

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|//[^\n]*)
    | (?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|.)*?\"\"\"|\'\'\'(?:\\.|.)*?\'\'\'
               |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`[^`\n]*`)
    | (?P<number>[0-9][0-9A-Za-z_]*(?:\.[0-9][0-9A-Za-z_]*)?(?:(?<=[eE])[-+][0-9]+)?)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
_KEYWORDS = frozenset({"true", "false", "null", "in"})
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        "as break const continue else for function if import let loop package namespace return var "
        "void while",
    )
)
_OPEN, _CLOSE = "([{", ")]}"


@attrs.frozen
class _Token:
    kind: str
    text: str
    start: int


@attrs.frozen
class Respelled:
    """An expression in the library's names."""

    text: str
    used: frozenset[str]
    """The variables in it, as they were declared."""
    original: str
    _new: tuple[int, ...]
    """Where each token starts in `text`."""
    _old: tuple[int, ...]
    """Where it started in the original."""
    _added: tuple[int, ...]
    """How many characters longer it has become, all in front."""

    def offset(self, line: int, column: int) -> int:
        """Where in the original is what `text` has at a line and column, both from 1."""
        before = self.text.split("\n")[: line - 1]
        offset = sum(len(row) + 1 for row in before) + column - 1
        token = bisect_right(self._new, offset) - 1
        if token < 0:
            return 0
        return self._old[token] + max(0, offset - self._new[token] - self._added[token])

    def place(self, offset: int) -> str:
        """An offset of the original as its line and column: `1:8`."""
        before = self.original[:offset]
        return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@attrs.frozen
class Names:
    """What an expression may name."""

    variables: Mapping[str, str]
    """As they are written to what the library calls them."""
    fields: frozenset[str]
    """Names that stand for fields of `root`."""
    root: str
    """The library's name of the message whose fields are variables."""
    types: frozenset[str]
    """Full names of messages and enums, which win over variables."""

    def respell(self, text: str) -> Respelled:
        """The expression in the library's names."""
        tokens = [_Token(str(m.lastgroup), m.group(), m.start()) for m in _TOKEN.finditer(text)]
        solid = [token for token in tokens if token.kind != "blank"]
        changes = dict(_Reading(self, solid).changes())
        used = frozenset(name for name, _, _ in changes.values())
        parts: list[str] = []
        new, old, added = [], [], []
        length = skip_to = 0
        for token in tokens:
            if token.start < skip_to:
                continue
            spelling, end = token.text, token.start + len(token.text)
            if token.start in changes:
                _, spelling, end = changes[token.start]
            new.append(length)
            old.append(token.start)
            added.append(len(spelling) - (end - token.start))
            parts.append(spelling)
            length += len(spelling)
            skip_to = end
        return Respelled("".join(parts), used, text, tuple(new), tuple(old), tuple(added))


@attrs.define
class _Reading:
    """One pass over the tokens of an expression, blanks left out."""

    names: Names
    tokens: list[_Token]
    open: list[tuple[bool, str]] = attrs.Factory(list)
    """For each bracket: whether it is a message literal's, and the name that a macro binds."""

    def changes(self) -> Iterator[tuple[int, tuple[str, str, int]]]:
        """Where what is replaced starts: the variable, its spelling, where it ends."""
        for at, token in enumerate(self.tokens):
            if token.text in _OPEN and token.kind == "sign":
                self.open.append((self._is_literal(at), self._bound(at)))
            elif token.text in _CLOSE and token.kind == "sign" and self.open:
                self.open.pop()
            elif token.kind == "name" and self._is_free(at):
                found = self._variable(at)
                if found is not None:
                    yield token.start, found

    def _sign(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _is_literal(self, at: int) -> bool:
        return self.tokens[at].text == "{" and at > 0 and self.tokens[at - 1].kind == "name"

    def _bound(self, at: int) -> str:
        is_macro = self._sign(at - 1) in _MACROS and self._sign(at - 2) == "."
        return self._sign(at + 1) if is_macro and self._sign(at + 2) == "," else ""

    def _is_free(self, at: int) -> bool:
        """Whether the name could be a variable's: nothing else has given it a meaning here."""
        word = self.tokens[at].text
        if word in _KEYWORDS or self._sign(at - 1) == "." or self._sign(at + 1) in ("(", "{"):
            return False
        if any(word == bound for _, bound in self.open):
            return False
        in_literal = bool(self.open) and self.open[-1][0]
        is_key = in_literal and self._sign(at - 1) in ("{", ",") and self._sign(at + 1) == ":"
        return not is_key

    def _chain(self, at: int) -> list[str]:
        words = [self.tokens[at].text]
        while self._sign(at + 1) == "." and at + 2 < len(self.tokens):
            at += 2
            if self.tokens[at].kind != "name":
                break
            words.append(self.tokens[at].text)
        return words

    def _variable(self, at: int) -> tuple[str, str, int] | None:
        words = self._chain(at)
        if any(".".join(words[:n]) in self.names.types for n in range(1, len(words) + 1)):
            return None
        start = self.tokens[at].start
        for name in sorted(self.names.variables, key=len, reverse=True):
            end = self._end_of(at, name)
            if end is not None:
                return name, self.names.variables[name], end
        word = words[0]
        if word in self.names.fields:
            return "", f"{self.names.root}.{quoted(word)}", start + len(word)
        return None

    def _end_of(self, at: int, name: str) -> int | None:
        """Where the variable ends if it is written here, the dashes of its name without blanks."""
        parts = re.findall(r"[A-Za-z0-9_]+|[-.]", name)
        for step, part in enumerate(parts):
            if self._sign(at + step) != part:
                return None
            if "-" in parts[step - 1 : step + 1] and step and not self._touches(at + step):
                return None
        last = self.tokens[at + len(parts) - 1]
        return last.start + len(last.text)

    def _touches(self, at: int) -> bool:
        before = self.tokens[at - 1]
        return before.start + len(before.text) == self.tokens[at].start


def quoted(field: str) -> str:
    """A field's name as it can be selected."""
    return f"`{field}`" if field in _RESERVED | _KEYWORDS else field


def internal_names(variables: Mapping[str, object]) -> dict[str, str]:
    """A name that the library can take for each variable: its own, but for dashes."""
    spelled: dict[str, str] = {}
    for name in variables:
        plain = name.replace("-", "_")
        while plain in spelled.values() or (plain != name and plain in variables):
            plain += "_"
        spelled[name] = plain
    return spelled
