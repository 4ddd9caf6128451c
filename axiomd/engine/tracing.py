"""Tells a collector of what has ended: spans, made from the store and sent beside all else.

Whatever happens here disturbs nobody: what cannot be taken, made or sent is dropped and counted.
Executions that wait for their turn are a bounded number of records; their spans are made one
execution at a time, off the event loop.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import trio

from axiomd.engine.parts import RunBlocking, log
from axiomd.execution.deliveries import Delivery, DeliveryAttempt
from axiomd.execution.execution import Execution
from axiomd.execution.spans import Span, Trace, delivery_span, trace_of
from axiomd.flow.artifact import Artifact
from axiomd.limits import SPANS_BATCH_MAX, TRACES_QUEUED_MAX
from axiomd.measures import Measures
from axiomd.store.reader import Reader

_GATHER_S = 0.5
"""Seconds in which what ends is sent together."""
_LAST_S = 1.0
"""Seconds that what is left may take at the end of the box."""

_Ended = Execution | tuple[Delivery, DeliveryAttempt]


class Sink(Protocol):
    """Takes spans."""

    def take(self, spans: Sequence[Span]) -> bool:
        """Whether they were taken. Blocks."""
        ...

    def stop(self) -> None:
        """Try nothing again from now on."""
        ...


class Tracer:
    """What is to be told, and the telling."""

    def __init__(
        self,
        sink: Sink,
        reader: Reader,
        artifact: Callable[[str, str], Artifact],
        measures: Measures,
        run_blocking: RunBlocking,
        *,
        queued_max: int = TRACES_QUEUED_MAX,
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._artifact = artifact
        self._measures = measures
        self._run_blocking = run_blocking
        self._queued_max = queued_max
        self._queue: deque[_Ended] = deque()
        self._bell = trio.Event()
        self._ending = trio.Event()
        self._ended = trio.Event()
        self._thread = trio.CapacityLimiter(1)
        self._batch: list[Span] = []

    @property
    def queued(self) -> int:
        """Executions and deliveries whose spans were not made yet."""
        return len(self._queue)

    def notice(self, ended: Sequence[Execution]) -> None:
        """Executions have ended."""
        for execution in ended:
            self._add(execution)

    def notice_delivery(self, delivery: Delivery, attempt: DeliveryAttempt) -> None:
        """A request was made to the receiver of a webhook."""
        self._add((delivery, attempt))

    def _add(self, one: _Ended) -> None:
        if len(self._queue) >= self._queued_max:
            self._measures.traces_dropped += 1
            return
        self._queue.append(one)
        self._bell.set()

    async def run(self) -> None:
        """Tell until `end`, or cancelled."""
        try:
            while not self._ending.is_set():
                await self._bell.wait()
                self._bell = trio.Event()
                with trio.move_on_after(_GATHER_S):
                    await self._ending.wait()
                await self._tell()
        finally:
            self._ended.set()

    async def end(self) -> None:
        """Tell of what waits, without waiting for more, and end."""
        self._ending.set()
        self._bell.set()
        await self._ended.wait()

    def stop(self) -> None:
        """Try nothing again that could not be sent."""
        self._sink.stop()

    async def _tell(self) -> None:
        """Everything, also what comes while it is being sent."""
        while self._queue or self._batch:
            while self._queue and len(self._batch) < SPANS_BATCH_MAX:
                self._batch += await self._spans(self._queue[0])
                self._queue.popleft()
            if self._batch:
                await self._send()

    async def _spans(self, one: _Ended) -> Sequence[Span]:
        try:
            if not isinstance(one, Execution):
                return [delivery_span(*one)]
            artifact = self._artifact(one.tenant, one.graph_id)
            trace: Trace = await self._run_blocking(self._trace, one, artifact)
        except Exception as failure:  # noqa: BLE001 - a trace is not worth the box
            self._measures.traces_dropped += 1
            named = one if isinstance(one, Execution) else one[0]
            log.warning(
                "trace_not_made",
                execution_id=named.execution_id,
                tenant=named.tenant,
                exc_info=failure,
            )
            return []
        self._measures.spans_dropped += trace.left_out
        return trace.spans

    def _trace(self, execution: Execution, artifact: Artifact) -> Trace:
        """Blocks on the store."""
        entries = self._reader.whole_journal(execution.execution_id)
        return trace_of(execution, artifact, entries)

    async def _send(self) -> None:
        batch, self._batch = self._batch[:SPANS_BATCH_MAX], self._batch[SPANS_BATCH_MAX:]
        taken = False
        try:
            taken = await trio.to_thread.run_sync(
                self._sink.take, batch, abandon_on_cancel=True, limiter=self._thread
            )
        finally:
            if taken:
                self._measures.spans_exported += len(batch)
            else:
                self._measures.spans_dropped += len(batch)
        if not taken:
            log.warning("spans_dropped", spans=len(batch))


@asynccontextmanager
async def open_tracer(tracer: Tracer) -> AsyncIterator[None]:
    """Telling, until the end; then what is left has a second."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tracer.run)
        try:
            yield
        finally:
            # Shielded, and bounded: nothing depends on it but what people see of the last second.
            with trio.move_on_after(_LAST_S, shield=True):
                await tracer.end()
            nursery.cancel_scope.cancel()
            tracer.stop()
