"""A runner whose calls are counted: how long their nodes had them, and how they ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from axiomd.execution.call import (
    STARTED,
    Crashed,
    Failure,
    Lost,
    NodeCall,
    NodeEvent,
    Outcome,
    Output,
)
from axiomd.measures import Measures
from axiomd.runners.base import Emit, NodeStream, Runner

_ENDS: Mapping[type, str] = {
    Output: "completed",
    Failure: "failed",
    Crashed: "crashed",
    Lost: "lost",
}
_CUT = "cancelled"


def measured(runners: Mapping[str, Runner], measures: Measures) -> dict[str, Runner]:
    """Every runner, with its calls counted."""
    return {name: MeasuredRunner(runner, measures) for name, runner in runners.items()}


class _Measured:
    """One call: it hears when a node has it, and is told how it ended."""

    __slots__ = ("_asked", "_begun", "_call", "_emit", "_measures")

    def __init__(self, call: NodeCall, emit: Emit, measures: Measures) -> None:
        self._call = call
        self._emit = emit
        self._measures = measures
        self._asked = trio.current_time()
        self._begun: float | None = None

    def emit(self, event: NodeEvent) -> None:
        if event is STARTED:
            self._begun = trio.current_time()
        self._emit(event)

    def end(self, how: str) -> None:
        call, measures = self._call, self._measures
        measures.node_calls.add(call.package, call.node, how)
        if self._begun is not None:
            measures.node_wait_s.observe(self._begun - self._asked)
            measures.node_s.observe(trio.current_time() - self._begun, call.package, call.node)


class MeasuredRunner:
    """The calls of another runner, counted."""

    def __init__(self, runner: Runner, measures: Measures) -> None:
        self._runner = runner
        self._measures = measures

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node to its end."""
        measured, how = _Measured(call, emit, self._measures), _CUT
        try:
            outcome = await self._runner.run(call, measured.emit)
            how = _ENDS[type(outcome)]
            return outcome
        finally:
            measured.end(how)

    @asynccontextmanager
    async def stream(self, call: NodeCall, emit: Emit) -> AsyncIterator[NodeStream]:
        """Start a pipeline node."""
        measured = _Measured(call, emit, self._measures)
        stream: _MeasuredStream | None = None
        try:
            async with self._runner.stream(call, measured.emit) as inner:
                stream = _MeasuredStream(inner)
                yield stream
        finally:
            measured.end(stream.how if stream is not None else _CUT)

    def capacity(self) -> int:
        """Unary calls that could start now without waiting for another to end."""
        return self._runner.capacity()

    def statistics(self) -> dict[str, int]:
        """Counts for metrics."""
        return self._runner.statistics()


class _MeasuredStream:
    """A pipeline node while it runs, which remembers how it ended."""

    def __init__(self, inner: NodeStream) -> None:
        self._receive = inner.receive
        self.send = inner.send
        self.send_end = inner.send_end
        self.how = _CUT

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The next frames, or how the node ended."""
        received = await self._receive()
        if not isinstance(received, Sequence):
            self.how = _ENDS[type(received)]
        return received
