"""What a node says, without the secrets that it was given.

A value is found as it is, line by line, and in the forms in which it ends up in texts: escaped
in JSON, once or within JSON, as Python shows it, in a URL, in base64. Texts that were cut hold a
piece of a value at their edge; that is found too. What a node spells in other ways on purpose is
not found: it was given the value to use it.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from urllib.parse import quote, quote_plus

import attrs

from axiomd.execution.call import Crashed, Failure, Lost, NodeEvent, Outcome, Output

SECRET_CHARACTERS_MIN = 4
"""Shorter values cannot be taken out of texts: they would be found everywhere."""
_LONG = 1_000
"""Characters from which on a text may have been cut by whoever sent it."""
_CUT_MARKS = "…\ufffd"
"""What a cut leaves at an edge: the mark of it, and half a character."""


def _ascii_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _wide_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    _ascii_json,
    _wide_json,
    lambda text: _ascii_json(_ascii_json(text)),
    lambda text: _ascii_json(_wide_json(text)),
    lambda text: _wide_json(_wide_json(text)),
    lambda text: repr(text)[1:-1],
    lambda text: quote(text, safe=""),
    quote,
    quote_plus,
)
_Span = tuple[int, int, str]
"""Start, end and name of what was found in a text."""


class Redaction:
    """Takes the values that a call was given out of what is recorded of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """values: by name, each of SECRET_CHARACTERS_MIN characters besides white space."""
        self._values = values

    def event(self, event: NodeEvent) -> NodeEvent:
        """What a node said."""
        if event.kind not in ("log", "progress"):
            return event
        # Lines of captured output are cut where they are too long, and go on in the next event.
        goes_on = event.level in ("stdout", "stderr")
        return attrs.evolve(
            event,
            level=self.text(event.level),
            message=self.text(event.message, goes_on=goes_on),
            attributes={self.text(k): self.text(v) for k, v in event.attributes.items()},
        )

    def outcome(self, outcome: Outcome) -> Outcome:
        """How a call ended; what it returned stays as it is."""
        match outcome:
            case Output():
                return outcome
            case Failure():
                return attrs.evolve(
                    outcome,
                    message=self.text(outcome.message),
                    detail=self.text(outcome.detail, goes_on=True),
                    classes=tuple(map(self.text, outcome.classes)),
                )
            case Crashed() | Lost():
                return attrs.evolve(outcome, reason=self.text(outcome.reason))

    def text(self, text: str, *, goes_on: bool = False) -> str:
        """A text without the values.

        goes_on: whether it may be the rest of one that was cut.
        """
        spans = list(self._found(text))
        if len(text) >= _LONG:
            spans += self._cut_behind(text)
        if goes_on or len(text) >= _LONG:
            spans += self._cut_before(text)
        return _replaced(text, spans) if spans else text

    @cached_property
    def _forms(self) -> Sequence[tuple[str, str]]:
        """Every form of every value with its name, the longest first."""
        forms: dict[str, str] = {}
        for name, value in self._values.items():
            for form in _forms_of(value):
                forms.setdefault(form, name)
        return sorted(forms.items(), key=lambda form: -len(form[0]))

    @cached_property
    def _by_start(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return self._indexed(lambda form: form[:SECRET_CHARACTERS_MIN])

    @cached_property
    def _by_end(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        return self._indexed(lambda form: form[-SECRET_CHARACTERS_MIN:])

    def _indexed(self, key: Callable[[str], str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        index: dict[str, list[tuple[str, str]]] = {}
        for form, name in self._forms:
            index.setdefault(key(form), []).append((form, name))
        return index

    def _found(self, text: str) -> Iterator[_Span]:
        index = self._by_start
        for start in range(len(text) - SECRET_CHARACTERS_MIN + 1):
            for form, name in index.get(text[start : start + SECRET_CHARACTERS_MIN], ()):
                if text.startswith(form, start):
                    yield start, start + len(form), name
                    break

    def _cut_behind(self, text: str) -> Iterator[_Span]:
        """The longest beginning of a value that the text ends with, or the middle that it is."""
        body = text.strip(_CUT_MARKS)
        for form, name in self._forms:
            if len(form) > len(body) and body in form:
                yield 0, len(text), name
                return
        end = len(text.rstrip(_CUT_MARKS))
        longest = len(self._forms[0][0]) if self._forms else 0
        for start in range(max(0, end - longest), end - SECRET_CHARACTERS_MIN + 1):
            for form, name in self._by_start.get(text[start : start + SECRET_CHARACTERS_MIN], ()):
                if form.startswith(text[start:end]):
                    yield start, end, name
                    return

    def _cut_before(self, text: str) -> Iterator[_Span]:
        """The longest end of a value that the text begins with."""
        begin = len(text) - len(text.lstrip(_CUT_MARKS))
        longest = len(self._forms[0][0]) if self._forms else 0
        for end in range(min(len(text), begin + longest), begin + SECRET_CHARACTERS_MIN - 1, -1):
            for form, name in self._by_end.get(text[end - SECRET_CHARACTERS_MIN : end], ()):
                if form.endswith(text[begin:end]):
                    yield begin, end, name
                    return


def _forms_of(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    kept = [line for line in lines if len(line) >= SECRET_CHARACTERS_MIN]
    for piece in dict.fromkeys((value, value.strip(), *kept)):
        yield from (spell(piece) for spell in _SPELLINGS)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(value.encode()).decode()
        yield encoded
        yield encoded.rstrip("=")


def _replaced(text: str, spans: Sequence[_Span]) -> str:
    """The text with what was found replaced, pieces that overlap as one."""
    parts: list[str] = []
    done = 0
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= done:
            parts += [text[done:start], f"[secret {name}]"]
        done = max(done, end)
    return "".join([*parts, text[done:]])
