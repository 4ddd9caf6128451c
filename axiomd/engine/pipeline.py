"""How a pipeline execution moves: frames from node to node, each durable before it is seen.

Each placement is one pump. What it emits goes to the store first; the nodes after it, and the
client, read it from there by cursor. So a replay after a restart takes the same path as the first
run, a slow reader costs no memory, and nothing but counts is shared between pumps.

After a loss a generator runs again from its first input; the frames that are already durable are
compared with what it emits now and not stored again: the record wins.
"""

from collections.abc import Sequence

import trio

from axiomd.engine.attempt import PAUSE_S, PAUSE_S_MAX, Attempt
from axiomd.engine.backoff import Backoff
from axiomd.execution.call import Crashed, Failure, Lost, Outcome, Output
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import after_stream
from axiomd.execution.position import Position
from axiomd.limits import DIVERGENCES_MAX, STREAM_AHEAD_FRAMES_MAX, STREAM_BATCH_FRAMES_MAX
from axiomd.runners.base import NodeStream
from axiomd.store.commit import FrameRow
from axiomd.store.commit import frames as frames_commit


class Signal:
    """Wakes whoever waits for it now."""

    def __init__(self) -> None:
        self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next `send`."""
        await self._event.wait()

    def send(self) -> None:
        """Wake everybody who waits."""
        self._event.set()
        self._event = trio.Event()


class Outlet:
    """What one placement has emitted so far: counts only, the frames are in the store."""

    def __init__(self, placement: int, durable: int, any_outlet: Signal, *, ended: bool) -> None:
        self.placement = placement
        self.durable = durable
        """Frames on disk."""
        self.submitted = durable
        """Frames handed to the writer."""
        self.ended = ended
        """Whether there will be no more, and that is on disk."""
        self.taken: dict[int, int] = {}
        """For each placement that reads this one: the frames that it is done with."""
        self._any = any_outlet
        self._changed = Signal()

    async def changed(self) -> None:
        """Wait for any count to move."""
        await self._changed.wait()

    def notify(self) -> None:
        """A count has moved."""
        self._changed.send()
        self._any.send()

    @property
    def ahead(self) -> int:
        """Frames that the slowest reader has not taken yet; 0 if no node reads this one."""
        return self.submitted - min(self.taken.values(), default=self.submitted)


async def run_pipeline(attempt: Attempt) -> None:
    """Pump frames until the terminal placement has emitted its last one."""
    pipeline = Pipeline(attempt)
    async with trio.open_nursery() as nursery:
        for outlet in pipeline.outlets:
            if not outlet.ended:
                nursery.start_soon(pipeline.pump, outlet)


class Pipeline:
    """The pumps of one attempt and the outlets between them."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._artifact = attempt.artifact
        self._nodes = attempt.artifact.placements
        self._any_outlet = Signal()
        self.outlets = [self._open_outlet(placement) for placement in range(len(self._nodes))]
        for edge in self._artifact.edges:
            # A gate holds nobody back: an arm that waits for it could starve the other one.
            gate = self._artifact.is_gate(edge.destination)
            if not gate and not self.outlets[edge.destination].ended:
                self.outlets[edge.source].taken[edge.destination] = 0

    def _open_outlet(self, placement: int) -> Outlet:
        reader = self._attempt.parts.reader
        durable = reader.frame_count(self._attempt.execution_id, placement)
        ended = placement in self._attempt.history.completed
        return Outlet(placement, durable, self._any_outlet, ended=ended)

    async def pump(self, outlet: Outlet) -> None:
        """Run one placement from its first missing frame to its last."""
        position = Position(outlet.placement)
        generator = self._nodes[outlet.placement].kind == "pipeline"
        backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
        while True:
            number = self._attempt.begin_call(position)
            before = outlet.durable
            outcome = await (
                self._stream(outlet, number) if generator else self._map(outlet, number)
            )
            await self._settle(outlet)
            if isinstance(outcome, Output):
                await self._end(outlet, position)
                return
            await self._lose(outlet, position, outcome)
            if outlet.durable > before:
                backoff.reset()
            await backoff.pause()

    async def _end(self, outlet: Outlet, position: Position) -> None:
        attempt = self._attempt
        at_ns = attempt.parts.clock.now_ns()
        decision = after_stream(self._artifact, attempt.history, position, outlet.durable, at_ns)
        await attempt.commit(decision)
        outlet.ended = True
        outlet.notify()
        for edge in self._incoming(outlet.placement):
            # Whoever has ended waits for nothing and holds nobody back.
            source = self.outlets[self._artifact.edges[edge].source]
            source.taken.pop(outlet.placement, None)
            source.notify()
        if decision.trigger is not None:
            # An arm that a gate's shortest one has outrun may still be emitting.
            await attempt.leave()

    async def _lose(
        self, outlet: Outlet, position: Position, outcome: Failure | Crashed | Lost
    ) -> None:
        decision = self._attempt.decide_trouble(position, outcome, outlet.durable)
        await self._attempt.commit(decision)

    # -- unary nodes: one call for each frame -------------------------------------------------

    async def _map(self, outlet: Outlet, number: int) -> Outcome:
        position = Position(outlet.placement)
        runner = self._attempt.runner(position)
        emit = self._attempt.emitter(position, number)
        while batch := await self._inputs(outlet.placement, outlet.submitted):
            for payload in batch:
                call = self._attempt.node_call(position, number, payload, outlet.submitted)
                try:
                    outcome = await runner.run(call, emit)
                except trio.Cancelled:
                    self._attempt.note_stopped(position, number)
                    raise
                if not isinstance(outcome, Output):
                    return outcome
                await self._emit(outlet, [bytes(outcome.payload)])
                self._take(outlet.placement, outlet.submitted)
        return Output(b"")

    # -- pipeline nodes: one stream -----------------------------------------------------------

    async def _stream(self, outlet: Outlet, number: int) -> Outcome:
        position = Position(outlet.placement)
        call = self._attempt.node_call(position, number, b"", outlet.durable)
        emit = self._attempt.emitter(position, number)
        outcome: Outcome | None = None
        try:
            async with (
                self._attempt.runner(position).stream(call, emit) as stream,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(self._feed, outlet.placement, stream)
                outcome = await self._drain(outlet, stream)
                nursery.cancel_scope.cancel()
        finally:
            # Not `except Cancelled`: out of a nursery it may come as a group.
            if outcome is None:
                self._attempt.note_stopped(position, number)
        return outcome

    async def _feed(self, placement: int, stream: NodeStream) -> None:
        """Send a generator its inputs, from the first one on."""
        sent = 0
        while batch := await self._inputs(placement, sent):
            for payload in batch:
                await stream.send(payload)
                sent += 1
            self._take(placement, sent)
        await stream.send_end()

    async def _drain(self, outlet: Outlet, stream: NodeStream) -> Outcome:
        """Take what a generator emits, leaving out what is durable already."""
        known, index = outlet.durable, 0
        while True:
            received = await stream.receive()
            if not isinstance(received, Sequence):
                if isinstance(received, Output) and index < known:
                    # It emitted fewer frames than are on record.
                    self._note_divergence(outlet, index)
                return received
            repeated = received[: max(known - index, 0)]
            await self._compare(outlet, index, repeated)
            index += len(received)
            fresh = received[len(repeated) :]
            if fresh:
                await self._emit(outlet, fresh)

    async def _compare(self, outlet: Outlet, start: int, repeated: Sequence[bytes]) -> None:
        """Hold frames that were emitted again against the record; a difference is an event."""
        noted = 0
        while repeated:
            rows = self._attempt.parts.reader.frames(
                self._attempt.execution_id, outlet.placement, start, len(repeated)
            )
            for (index, recorded), now in zip(rows, repeated, strict=False):
                if noted < DIVERGENCES_MAX and await self._attempt.read((recorded,)) != now:
                    self._note_divergence(outlet, index)
                    noted += 1
            start += len(rows)
            repeated = repeated[len(rows) :]

    def _note_divergence(self, outlet: Outlet, index: int) -> None:
        at_ns = self._attempt.parts.clock.now_ns()
        detail = f'{{"frame_index": {index}}}'
        position = Position(outlet.placement)
        self._attempt.note(Entry(EntryKind.NODE_DIVERGED, at_ns, position, detail=detail))

    # -- frames in and out --------------------------------------------------------------------

    async def _inputs(self, placement: int, start: int) -> list[bytes]:
        """The next inputs of a placement from index `start` on; none after the last."""
        sources = [self.outlets[self._artifact.edges[e].source] for e in self._incoming(placement)]
        if not sources:
            return [await self._entry_input()] if start == 0 else []
        while True:
            arrived = min(source.durable for source in sources)
            if arrived > start:
                return await self._read(sources, start, arrived - start)
            behind = [source for source in sources if source.durable <= start]
            if any(source.ended for source in behind):
                # A gate zips: it ends with the shortest of its arms.
                return []
            # Any of them may end, and so end the gate; with one source there is no choice.
            await (behind[0].changed() if len(sources) == 1 else self._any_outlet.wait())

    def _incoming(self, placement: int) -> tuple[int, ...]:
        return self._artifact.incoming[placement]

    async def _entry_input(self) -> bytes:
        entry = Position(self._artifact.entry)
        return await self._attempt.read(self._attempt.history.pending[entry])

    async def _read(self, sources: Sequence[Outlet], start: int, available: int) -> list[bytes]:
        limit = min(available, STREAM_BATCH_FRAMES_MAX)
        columns = [
            self._attempt.parts.reader.frames(
                self._attempt.execution_id, source.placement, start, limit
            )
            for source in sources
        ]
        rows: list[tuple[Payload, ...]] = [
            tuple(payload for _, payload in row) for row in zip(*columns, strict=False)
        ]
        return [await self._attempt.read(row) for row in rows]

    def _take(self, placement: int, count: int) -> None:
        for edge in self._incoming(placement):
            source = self.outlets[self._artifact.edges[edge].source]
            if placement in source.taken:
                source.taken[placement] = count
                source.notify()

    async def _emit(self, outlet: Outlet, contents: Sequence[bytes]) -> None:
        """Hand frames to the writer; waits only when too many are on their way."""
        payloads = [await self._attempt.keep(content) for content in contents]
        await self._attempt.still_ours()
        first = outlet.submitted
        rows = tuple(
            FrameRow(outlet.placement, index, payload)
            for index, payload in enumerate(payloads, first)
        )
        outlet.submitted += len(rows)
        attempt = self._attempt
        commit = frames_commit(
            attempt.execution_id, attempt.fence, attempt.parts.clock.now_ns(), rows
        )
        ticket = attempt.submit(commit, lambda: self._advance(outlet, first + len(rows)))
        if outlet.submitted - outlet.durable > STREAM_BATCH_FRAMES_MAX:
            await attempt.durable(ticket)
        while outlet.ahead >= STREAM_AHEAD_FRAMES_MAX:
            await outlet.changed()

    @staticmethod
    def _advance(outlet: Outlet, durable: int) -> None:
        outlet.durable = durable
        outlet.notify()

    async def _settle(self, outlet: Outlet) -> None:
        """Wait until every frame that was submitted is on disk."""
        while outlet.durable < outlet.submitted:
            await outlet.changed()
