"""Foreign bytes: damaged copies of good ones, and noise; and what a parser may do with them."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

CPU_S_MAX = 5.0
"""What one input of this size may take; the parsers need milliseconds."""
BYTES_MAX = 64 * 1024 * 1024
"""What one of them may hold at a time, of inputs of a few KiB."""

_CHUNKS = (b"", b"\0", b"\xff" * 8, b"\r\n\r\n", b"9" * 5_000, b"[" * 3_000, b'{"a":' * 2_000)
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(("flip", "cut", "put", "twice", "swap", "end")),
        st.integers(0, 2**16),
        st.integers(1, 64),
        st.one_of(st.binary(max_size=16), st.sampled_from(_CHUNKS)),
    ),
    min_size=1,
    max_size=6,
)


def damaged(*good: bytes) -> st.SearchStrategy[bytes]:
    """Copies of good inputs with some edits, and noise now and then."""
    copies = st.builds(edit, st.sampled_from(good), _EDITS)
    return st.one_of(copies, copies, copies, st.binary(max_size=200))


def edit(content: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """The content after all edits, each at a place within it."""
    made = bytearray(content)
    for kind, place, length, other in edits:
        at = place % (len(made) + 1)
        part = bytes(made[at : at + length])
        match kind:
            case "flip" if at < len(made):
                made[at] ^= length % 255 + 1
            case "cut":
                del made[at : at + length]
            case "put":
                made[at:at] = other
            case "twice":
                made[at:at] = part
            case "swap":
                made[at : at + length] = other[:length]
            case "end":
                del made[at:]
            case _:
                pass
    return bytes(made)


def texts(*good: str) -> st.SearchStrategy[str]:
    """Damaged texts, as they are when somebody decodes them without care."""
    return st.one_of(damaged(*map(str.encode, good)).map(_decoded), st.text(max_size=80))


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")


PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["true", "1e400", "2026-01-01T00:00:00Z", "AAAA", "\ud800", "nodes"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
"""JSON values of any shape."""


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """A good JSON value in which one or two parts are something else, or gone."""
    value = good
    for _ in range(draw(st.integers(1, 2))):
        value = draw(_changed_once(value))
    return value


@st.composite
def _changed_once(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        match draw(st.integers(0, 3)):
            case 0:
                return {name: part for name, part in value.items() if name != key}
            case 1:
                return {**value, draw(st.text(max_size=8)): draw(PLAIN)}
            case _:
                return {**value, key: draw(_changed_once(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(value) - 1))
        if draw(st.booleans()):
            return [*value, value[at]]
        return [*value[:at], draw(_changed_once(value[at])), *value[at + 1 :]]
    return draw(PLAIN)


def only(refusals: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], Any]):
    """What `call` returns, or None if it refused as it may; in bounded time and memory."""
    began = time.process_time()
    outer = tracemalloc.is_tracing()
    if not outer:
        tracemalloc.start()
    tracemalloc.reset_peak()
    try:
        return call()
    except refusals:
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        if not outer:
            tracemalloc.stop()
        assert peak < BYTES_MAX, peak
        assert time.process_time() - began < CPU_S_MAX
