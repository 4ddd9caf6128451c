"""Which span is which: the identities of a trace, and W3C trace context as text.

An execution is a trace: its ID is the trace's. The ID of a span follows from what it is of, so
that a node can be told of its own before it has ended, a child of its parent's, and a restart
changes neither. Pure.
"""

import hashlib
import re

import attrs

from axiomd.limits import TRACESTATE_CHARACTERS_MAX

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SPAN_BYTES = 8
_ROOT = "/"
"""What the root span is named after: no position has a slash."""
_SAMPLED = 1


@attrs.frozen
class Origin:
    """The span, of whomever, that an execution was invoked in."""

    traceparent: str = ""
    """As W3C has it; empty for none."""
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        """Its trace, 32 hex characters."""
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        """The span, 16 hex characters."""
        return self.traceparent[36:52]

    @property
    def sampled(self) -> bool:
        """Whether whoever made it may have recorded it."""
        return bool(int(self.traceparent[53:55] or "0", 16) & _SAMPLED)


NO_ORIGIN = Origin()


def read_origin(parent: str, state: str) -> Origin:
    """What the headers `traceparent` and `tracestate` say.

    What is no trace context counts as none, as W3C wants it: it comes from a proxy as often as
    from who invokes, and refuses nobody.
    """
    match = _TRACEPARENT.fullmatch(parent.strip())
    if match is None:
        return NO_ORIGIN
    version, trace, span, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not trace.strip("0") or not span.strip("0"):
        return NO_ORIGIN
    fits = len(state) <= TRACESTATE_CHARACTERS_MAX and state.isascii() and state.isprintable()
    return Origin(f"00-{trace}-{span}-{flags}", state.strip() if fits else "")


def root_span_id(execution_id: str) -> str:
    """The span of a whole execution."""
    return span_id(execution_id, _ROOT, 0)


def span_id(execution_id: str, what: str, attempt: int) -> str:
    """The span of one attempt at something in an execution: a node visit, by its position."""
    named = f"{execution_id}/{what}/{attempt}".encode()
    return hashlib.blake2b(named, digest_size=_SPAN_BYTES).hexdigest()


def undoing_text(position: str) -> str:
    """What spans of the undoing of a visit are named after."""
    return f"{position}/compensation"


def traceparent(execution_id: str, span: str) -> str:
    """A span of an execution as W3C trace context."""
    return f"00-{execution_id}-{span}-01"
