"""YAML text as plain values, with the line of each of them.

Owns what YAML means here: the core schema of YAML 1.2 (`no` and dates are texts), keys that are
texts and occur once, no tags, one document. Promises that whatever is wrong is a refusal with
file and line, and that no text can cost more than the limits say, nested or aliased as it may
be. Knows nothing of flows and packages.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import attrs
import yaml

from axiomd.errors import Invalid, Malformed, Problem, TooLarge
from axiomd.limits import DOCUMENT_BYTES_MAX, DOCUMENT_NODES_MAX, JSON_DEPTH_MAX, PROBLEMS_MAX
from axiomd.strict import Lines, join

_KEY_CHARS_MAX = 256
_PATH_CHARS_MAX = 512

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@attrs.frozen
class Document:
    """What a YAML text says."""

    value: Any
    """Mappings as dict, lists, texts, numbers, booleans and None; aliased parts are shared."""
    lines: Lines
    """Path (`nodes[2].input`) to 1-based line; the empty path is the document itself."""


def read_yaml(text: str | bytes, *, file: str) -> Document:
    """The document in `text`; `file` is the name it has in problems.

    Raises TooLarge, Malformed (not UTF-8, not YAML) or Invalid (duplicate keys and the like,
    all of them at once).
    """
    walk = _Walk(_decode(text, file), file)
    try:
        value = walk.document()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        said = ", ".join(part for part in (failure.context, failure.problem) if part)
        raise _malformed(file, mark.line + 1 if mark else 1, f"is not YAML: {said}") from None
    except yaml.reader.ReaderError as failure:
        raise _malformed(
            file, _line_of(walk.text, failure), f"is not YAML: {failure.reason}"
        ) from None
    if walk.problems:
        raise Invalid(f"{file} is not valid", problems=walk.problems[:PROBLEMS_MAX])
    return Document(value, walk.lines)


def _decode(text: str | bytes, file: str) -> str:
    try:
        encoded = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as failure:
        raise _malformed(file, _newlines(text, failure.start), "is not UTF-8 text") from None
    if len(encoded) > DOCUMENT_BYTES_MAX:
        raise TooLarge(
            f"{file} is larger than {DOCUMENT_BYTES_MAX} bytes",
            problems=[Problem("", f"has {len(encoded)} bytes", file)],
        )
    try:
        return encoded.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = _newlines(encoded, failure.start)
        raise _malformed(file, line, "is not UTF-8 text") from None


def _newlines(text: str | bytes, end: int) -> int:
    return 1 + (text.count("\n", 0, end) if isinstance(text, str) else text.count(b"\n", 0, end))


def _line_of(text: str, failure: yaml.reader.ReaderError) -> int:
    """The line of a character that YAML does not allow; the position is not always known."""
    position = failure.position if isinstance(failure.position, int) else 0
    return _newlines(text, position)


def _malformed(file: str, line: int, message: str) -> Malformed:
    return Malformed(f"{file} cannot be read", problems=[Problem("", message, file, line)])


@attrs.frozen
class _Part:
    """A constructed value and what it weighs, so that aliases cannot multiply for free."""

    value: Any
    nodes: int
    height: int


class _Walk:
    """One pass over the parser's events; composing nodes first would recurse without bound."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._anchors: dict[str, _Part | None] = {}
        self._events: Iterator[Any] = iter(())

    def document(self) -> Any:
        """The value of the one document in the text; None if there is none."""
        self._events = iter(yaml.parse(self.text, Loader=_Loader))
        value = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refusal("", event, "must be a single YAML document")
                value = self._part(next(self._events), "", 1).value
        return value

    def _part(self, event: Any, path: str, depth: int) -> _Part:
        self._note_line(path, event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if event.tag is not None:
            self._complain(path, event, f"tags such as {event.tag!r} are not supported")
        self._spend(path, event, nodes=1, depth=depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        part = self._content(event, path, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = part
        return part

    def _content(self, event: Any, path: str, depth: int) -> _Part:
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        return _Part(_scalar(event), 1, 1)

    def _alias(self, event: Any, path: str, depth: int) -> _Part:
        part = self._anchors.get(event.anchor)
        if part is None:
            inside = event.anchor in self._anchors
            said = "refers to itself" if inside else "names no anchor before it"
            self._complain(path, event, f"the alias {event.anchor!r} {said}")
            return _Part(None, 1, 1)
        self._spend(path, event, nodes=part.nodes, depth=depth + part.height - 1)
        return part

    def _sequence(self, path: str, depth: int) -> _Part:
        parts: list[_Part] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            parts.append(self._part(event, join(path, len(parts)), depth + 1))
        return _collected([part.value for part in parts], parts)

    def _mapping(self, path: str, depth: int) -> _Part:
        value: dict[str, Any] = {}
        first: dict[str, int] = {}
        parts: list[_Part] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            below = join(path, key)
            self._note_line(below, event)
            if key in first:
                self._complain(below, event, f"is given twice, first in line {first[key]}")
            first.setdefault(key, event.start_mark.line + 1)
            part = self._part(next(self._events), below, depth + 1)
            value.setdefault(key, part.value)
            parts.append(part)
        return _collected(value, parts)

    def _key(self, event: Any, path: str, depth: int) -> str:
        self._spend(path, event, nodes=1, depth=depth)
        if not isinstance(event, yaml.ScalarEvent) or len(event.value) > _KEY_CHARS_MAX:
            raise self._refusal(
                path, event, f"keys must be plain texts of at most {_KEY_CHARS_MAX} characters"
            )
        key = _scalar(event)
        if isinstance(key, str) and event.anchor is None and event.tag is None:
            return key
        self._complain(path, event, f"the key {event.value!r} must be a text; quote it")
        return str(event.value)

    def _note_line(self, path: str, event: Any) -> None:
        # Very long paths would multiply into gigabytes; what lies there has its parent's line.
        if len(path) <= _PATH_CHARS_MAX:
            self.lines.setdefault(path, event.start_mark.line + 1)

    def _spend(self, path: str, event: Any, *, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if self._nodes > DOCUMENT_NODES_MAX:
            raise self._refusal(
                path, event, f"has more than {DOCUMENT_NODES_MAX} values, aliases expanded"
            )
        if depth > JSON_DEPTH_MAX:
            raise self._refusal(path, event, f"is nested deeper than {JSON_DEPTH_MAX} levels")

    def _complain(self, path: str, event: Any, message: str) -> None:
        self.problems.append(Problem(path, message, self.file, event.start_mark.line + 1))

    def _refusal(self, path: str, event: Any, message: str) -> Invalid:
        """What ends the walk: the problems so far and this one."""
        self.problems = self.problems[: PROBLEMS_MAX - 1]
        self._complain(path, event, message)
        return Invalid(f"{self.file} is not valid", problems=self.problems)


def _collected(value: Any, parts: list[_Part]) -> _Part:
    nodes = 1 + sum(part.nodes for part in parts)
    return _Part(value, nodes, 1 + max((part.height for part in parts), default=0))


def _scalar(event: Any) -> Any:
    """A plain scalar by the core schema; a quoted one is the text it is."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
