"""axiomd's side of the frames between it and a node process.

The layout itself is that of `child/wire.py`, which both sides use; this module turns calls into
frames and what a node said into values. It promises that nothing a node process sends raises
anything but ProtocolError, and that every text from it is valid Unicode.
"""

import json
from typing import Any, TypeVar, get_args

import attrs

from axiomd.execution.call import (
    Content,
    ContentParts,
    Failure,
    FailureKind,
    NodeCall,
    NodeEvent,
    parts_size,
)
from axiomd.flow.package import snake_case
from axiomd.limits import EVENT_TEXT_BYTES_MAX, PAYLOAD_BYTES_CEILING
from axiomd.runners.bounds import Bounds
from axiomd.runners.child.wire import HEAD, LOG, RUN, RUN_HEAD, TEXT_CHARS_MAX

P = TypeVar("P", bytes, ContentParts, bytes | ContentParts)

SPOKEN_BYTES_MAX = 4 * 1024 * 1024
"""An ERROR, LOG or PROGRESS frame: more than the child side ever sends."""
NO_BOUNDS = Bounds()
HEADERS_MAX = 1024
"""Placements whose header is kept encoded."""

assert TEXT_CHARS_MAX <= EVENT_TEXT_BYTES_MAX
assert SPOKEN_BYTES_MAX < PAYLOAD_BYTES_CEILING < 2**32


class ProtocolError(Exception):
    """A node process sent what the child side never sends."""


class RunFrames:
    """Makes RUN frames; keeps the part that all calls of a placement share."""

    def __init__(self, output_max: int, bounds: Bounds = NO_BOUNDS) -> None:
        self._output_max = output_max
        self._bounds = bounds
        self._headers: dict[tuple[object, ...], tuple[NodeCall, bytes]] = {}

    def frame(self, call: NodeCall, number: int, payload: P, kind: int = RUN) -> tuple[bytes, P]:
        """The RUN or JOIN frame of `call` as (everything before the payload, payload)."""
        header = self._header(call)
        # With the visit, and not with what is kept on both sides for all calls of a placement.
        given = json.dumps(dict(call.secrets), separators=(",", ":")) if call.secrets else ""
        numbers = f"{call.attempt}\n{call.resume_index}\n{call.execution_id}\n{call.span_id}"
        visit = f"{numbers}\n{given}\n{call.effect_key}".encode()
        size = RUN_HEAD.size + len(visit) + len(header) + parts_size(payload)
        head = HEAD.pack(size, kind, number) + RUN_HEAD.pack(len(visit), len(header))
        return head + visit + header, payload

    def _header(self, call: NodeCall) -> bytes:
        key = (call.graph_id, call.placement, call.tenant, call.digest, call.node, call.kind)
        kept = self._headers.get(key)
        if kept is not None and _alike(kept[0], call):
            return kept[1]
        if len(self._headers) >= HEADERS_MAX:
            self._headers.clear()
        header = self._encode(call)
        self._headers[key] = (attrs.evolve(call, payload=b"", secrets={}), header)
        return header

    def _encode(self, call: NodeCall) -> bytes:
        fields = {
            "module": snake_case(call.node),
            "pipeline": call.kind == "pipeline",
            "input": call.input_type,
            "output": call.output_type,
            "output_max": self._output_max,
            "graph_id": call.graph_id,
            "tenant": call.tenant,
            "placement": call.placement,
            "config": dict(call.config),
            "reflection": call.reflection,
            **self._bounds.of(call),
        }
        return json.dumps(fields, separators=(",", ":")).encode()


def _alike(kept: NodeCall, call: NodeCall) -> bool:
    return (
        kept.config == call.config
        and kept.reflection == call.reflection
        and kept.input_type == call.input_type
        and kept.output_type == call.output_type
        and kept.memory_mib == call.memory_mib
        and kept.cpu_seconds == call.cpu_seconds
    )


def read_event(kind: int, body: Content) -> NodeEvent:
    """What a LOG or PROGRESS frame says. Raises ProtocolError."""
    match _read_list(body):
        case [str(level), str(message), dict(attributes)] if kind == LOG:
            clean = {_clean(str(key)): _clean(str(value)) for key, value in attributes.items()}
            return NodeEvent("log", _clean(level), _clean(message), clean)
        case [int() | float() as fraction, str(message)] if kind != LOG:
            return NodeEvent("progress", "", _clean(message), fraction=float(fraction))
        case _:
            raise ProtocolError("a log or progress frame that is none")


FAILURE_KINDS: frozenset[str] = frozenset(get_args(FailureKind))


def read_failure(body: Content) -> Failure:
    """What an ERROR frame says. Raises ProtocolError."""
    match _read_list(body):
        case [str(kind), str(message), str(detail), list(classes)] if kind in FAILURE_KINDS:
            known: Any = kind
            names = tuple(_clean(str(name)) for name in classes)
            return Failure(known, _clean(message), _clean(detail), names)
        case _:
            raise ProtocolError("an error frame that is none")


def _read_list(body: Content) -> list[Any]:
    if len(body) > SPOKEN_BYTES_MAX:
        raise ProtocolError(f"{len(body)} bytes of text in one frame")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError("text that is not JSON") from None
    if not isinstance(content, list):
        raise ProtocolError("JSON that is not a list")
    return content


def _clean(text: str) -> str:
    """`text` without lone surrogates, which could not be stored."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
