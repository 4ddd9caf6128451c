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
from axiomd.engine.intake import Intake
from axiomd.engine.outlets import Outlet, Signal
from axiomd.execution.call import Crashed, Failure, Lost, Outcome, Output
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import after_stream
from axiomd.execution.position import Position
from axiomd.limits import (
    DIVERGENCES_MAX,
    STREAM_AHEAD_FRAMES_MAX,
    STREAM_BATCH_FRAMES_MAX,
    STREAM_UNWRITTEN_BYTES_MAX,
)
from axiomd.runners.base import NodeStream
from axiomd.store.commit import FrameRow
from axiomd.store.commit import frames as frames_commit


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
        self._intakes = {
            outlet.placement: self._open_intake(outlet.placement)
            for outlet in self.outlets
            if not outlet.ended and self._artifact.is_xor_gate(outlet.placement)
        }
        for edge in self._artifact.edges:
            gate = edge.destination
            # A gate that zips holds nobody back: an arm that waits for it could starve the other.
            zips = self._artifact.is_gate(gate) and gate not in self._intakes
            if not zips and not self.outlets[gate].ended:
                self.outlets[edge.source].taken[gate] = 0

    def _open_outlet(self, placement: int) -> Outlet:
        reader = self._attempt.parts.reader
        durable = reader.frame_count(self._attempt.execution_id, placement)
        ended = placement in self._attempt.history.completed
        return Outlet(placement, durable, self._any_outlet, ended=ended)

    def _open_intake(self, gate: int) -> Intake:
        edges = self._artifact.edges
        arms = {edge: self.outlets[edges[edge].source] for edge in self._incoming(gate)}
        return Intake(self._attempt, gate, arms, self._any_outlet)

    async def pump(self, outlet: Outlet) -> None:
        """Run one placement from its first missing frame to its last."""
        position = Position(outlet.placement)
        generator = self._nodes[outlet.placement].kind == "pipeline"
        backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
        while True:
            await self._attempt.sleep_until(self._attempt.history.due_ns.get(position, 0))
            number = await self._attempt.begin_call(position)
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
            if position not in self._attempt.history.due_ns:
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
        decision = await self._attempt.decide_trouble(position, outcome, outlet.durable)
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
        if placement in self._intakes:
            return await self._intakes[placement].inputs(start)
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
        if placement in self._intakes:
            # It has told its arms itself: their counts are not its own.
            return
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
        size = sum(map(len, contents))
        outlet.submitted += len(rows)
        outlet.unwritten += size
        attempt = self._attempt
        commit = frames_commit(
            attempt.execution_id, attempt.fence, attempt.parts.clock.now_ns(), rows
        )
        ticket = attempt.submit(commit, lambda: self._advance(outlet, first + len(rows), size))
        many = outlet.submitted - outlet.durable > STREAM_BATCH_FRAMES_MAX
        if many or outlet.unwritten > STREAM_UNWRITTEN_BYTES_MAX:
            await attempt.durable(ticket)
        while outlet.ahead >= STREAM_AHEAD_FRAMES_MAX:
            await outlet.changed()

    @staticmethod
    def _advance(outlet: Outlet, durable: int, size: int) -> None:
        outlet.durable = durable
        outlet.unwritten -= size
        outlet.notify()

    async def _settle(self, outlet: Outlet) -> None:
        """Wait until every frame that was submitted is on disk."""
        while outlet.durable < outlet.submitted:
            await outlet.changed()
