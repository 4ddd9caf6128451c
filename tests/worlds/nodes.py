"""The node code of test worlds, and what it sees: each call is held against the store.

A call that the rules forbid is written down in `violations`; raising there would look like a
failure of the node.
"""

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator

import attrs
import trio
from worlds.flows import Behaviour, Story, answer
from worlds.oracle import left_to_undo, visit_of
from worlds.rules import dice

from axiomd.execution.call import Crashed, Lost, NodeCall, NodeEvent
from axiomd.execution.history import History
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import position_text
from axiomd.flow.artifact import Artifact
from axiomd.runners.base import Emit
from axiomd.runners.inline import InlineRunner, NodeDown
from axiomd.store.blobs import Blobs
from axiomd.store.reader import Reader


@attrs.frozen
class Start:
    """One start of node code."""

    life: int
    execution_id: str
    alias: str
    frame: int
    """Of a mapped node in a pipeline: which frame it makes; else 0."""


class Nodes:
    """Node functions that do what their story says, over all lives of a world."""

    def __init__(self, stories: dict[str, Story], seed: int, latency_s: float) -> None:
        self._stories = stories
        self._dice = random.Random(seed)
        self._latency_s = latency_s
        self._calls: Counter[str] = Counter()
        self.life = 0
        self.dead = False
        """Whether the power is out: what still runs is a ghost, and does not count."""
        self.strict = True
        """Whether no call may come late: off where superseded attempts are played."""
        self.starts: list[Start] = []
        self.inputs: dict[str, dict[str, bytes]] = {}
        """By execution and visit: what the node was last given."""
        self._given: dict[tuple[str, str, int], bytes] = {}
        """The input of each index that a visit was ever given: its effect key is for that one."""
        self.undone: list[Start] = []
        """Starts of node code that undoes, by the alias of what it undoes."""
        self.violations: list[str] = []
        self.reader: Reader
        self.blobs: Blobs

    def runner(self) -> InlineRunner:
        undoers = {
            placement.compensate.node: self._undo
            for story in self._stories.values()
            for placement in story.artifact.placements
            if placement.compensate is not None
        }
        return InlineRunner({"Plain": self._plain, **undoers}, {"Stream": self._stream})

    def _behaviour(self, call: NodeCall) -> Behaviour:
        plain = call.node in ("Plain", "Stream")
        return self._stories[call.graph_id].behaviour(call.placement if plain else call.node)

    def _artifact(self, call: NodeCall) -> Artifact:
        return self._stories[call.graph_id].artifact

    async def _begin(self, call: NodeCall, emit: Emit) -> int:
        if self.dead:
            await trio.sleep_forever()
        self._check(call)
        frame = call.resume_index if call.kind == "unary" else 0
        self.starts.append(Start(self.life, call.execution_id, call.placement, frame))
        self.inputs.setdefault(call.execution_id, {})[call.position] = bytes(call.payload)
        return await self._come_to(call, emit)

    async def _come_to(self, call: NodeCall, emit: Emit) -> int:
        self._calls[call.effect_key] += 1
        number = self._calls[call.effect_key]
        behaviour = self._behaviour(call)
        if behaviour.says:
            emit(NodeEvent("log", "info", f"call {number}", {"a": "1"}))
            emit(NodeEvent("progress", "", "half", fraction=0.5))
        await trio.sleep(self._dice.random() * self._latency_s)
        await self._meet_fate(behaviour, number)
        return number

    async def _meet_fate(self, behaviour: Behaviour, number: int) -> None:
        if number <= behaviour.crashes or behaviour.fate == "crash":
            raise NodeDown(Crashed("SIGSEGV"))
        if number <= behaviour.crashes + behaviour.losses or behaviour.fate == "vanish":
            raise NodeDown(Lost("the network"))
        if number <= behaviour.crashes + behaviour.losses + behaviour.stumbles:
            raise KeyError("stumbled")
        if behaviour.fate == "hang":
            await trio.sleep_forever()
        if behaviour.fate == "fail":
            raise ValueError("as told")

    async def _plain(self, call: NodeCall, emit: Emit) -> bytes:
        await self._begin(call, emit)
        if dice("fails", bytes(call.payload)) < self._behaviour(call).fails_below:
            raise ValueError("not this one")
        return answer(call.placement, call.payload, pad=self._behaviour(call).pad)

    async def _undo(self, call: NodeCall, emit: Emit) -> bytes:
        if self.dead:
            await trio.sleep_forever()
        self._check_undo(call)
        self.undone.append(Start(self.life, call.execution_id, call.position, 0))
        await self._come_to(call, emit)
        return answer(call.node, call.payload)

    async def _stream(self, call: NodeCall, emit: Emit, inputs: AsyncIterator[bytes]):
        behaviour = self._behaviour(call)
        number = await self._begin(call, emit)
        mark = number if behaviour.fickle else 0
        taken = 0
        async for item in inputs:
            self._check_input(call, taken, item)
            taken += 1
            for frame in range(behaviour.fan):
                await trio.sleep(self._dice.random() * self._latency_s)
                yield answer(call.placement, item, frame + mark, behaviour.pad)
        for frame in range(behaviour.rest):
            yield answer(call.placement, b"rest", frame + mark, behaviour.pad)

    # -- what a call may rely on --------------------------------------------------------------

    def _check(self, call: NodeCall) -> None:
        if not self.strict:
            return
        artifact = self._artifact(call)
        placement = artifact.index_of[call.placement]
        journal = self.reader.journal(call.execution_id)
        done = {
            position_text(entry.position, artifact.placements[entry.position.placement].alias)
            for entry in journal
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None
        }
        if call.position in done:
            self._complain(call, "ran again though it is checkpointed")
        if artifact.placements[placement].once and not self._is_on_record(call, placement):
            self._complain(call, "must run once, and started before that was durable")
        if artifact.mode == "unary":
            # Whether it is due is what the stored history says, by another fold than the engine's.
            # Until it is told to stop, a worker may begin what an undoing has just made moot.
            forward = itertools.takewhile(
                lambda e: e.kind is not EntryKind.COMPENSATION_BEGUN, journal
            )
            history = History.fold(artifact, forward)
            history.take_due()
            due = {
                position_text(position, artifact.placements[position.placement].alias)
                for position in history.pending
            }
            if call.position not in due:
                self._complain(call, "started before what makes it due was durable")
        elif call.kind == "unary":
            if call.resume_index < self.reader.frame_count(call.execution_id, placement):
                self._complain(call, f"made frame {call.resume_index} again")
            self._check_input(call, call.resume_index, call.payload)

    def _check_undo(self, call: NodeCall) -> None:
        """What is undone is checkpointed, and all that was completed after it is settled."""
        entries = self.reader.journal(call.execution_id)
        left = left_to_undo(self._artifact(call), entries)
        if left[:1] != [call.position]:
            self._complain(call, f"is undone when it is the turn of {left}")
        given = next(
            self.blobs.get(entry.payload)
            for entry in entries
            if entry.kind is EntryKind.NODE_COMPLETED
            and visit_of(self._artifact(call), entry) == call.position
        )
        artifact = self._artifact(call)
        undo = artifact.placements[artifact.index_of[call.placement]].compensate
        if undo is not None and undo.fields is None and given != call.payload:
            self._complain(call, "is undone with something else than its output")

    def _is_on_record(self, call: NodeCall, placement: int) -> bool:
        return any(
            entry.kind is EntryKind.NODE_STARTED
            and entry.attempt == call.attempt
            and entry.position is not None
            and entry.position.placement == placement
            for entry in self.reader.journal(call.execution_id)
        )

    def _check_input(self, call: NodeCall, index: int, item: bytes) -> None:
        artifact = self._artifact(call)
        sources = artifact.incoming[artifact.index_of[call.placement]]
        if self.dead or not sources:
            return
        if self._given.setdefault((call.execution_id, call.placement, index), item) != item:
            self._complain(call, f"was given another input {index} than before")
        if not self.strict:
            return
        rows = [
            self.reader.frames(call.execution_id, artifact.edges[edge].source, frame, 1)
            for edge, frame in self._places(call, index)
        ]
        stored = b"".join(self.blobs.get(payload) for row in rows for _, payload in row)
        if stored != item:
            self._complain(call, f"was given input {index} before it was durable")

    def _places(self, call: NodeCall, index: int) -> list[tuple[int, int]]:
        """Edges, and the frames of their sources, that make an input, as far as is on record."""
        artifact = self._artifact(call)
        placement = artifact.index_of[call.placement]
        if not artifact.is_xor_gate(placement):
            return [(edge, index) for edge in artifact.incoming[placement]]
        arrivals = self.reader.arrivals(call.execution_id, placement, index, 1)
        return [(a.edge, a.frame + index - a.index) for a in arrivals]

    def _complain(self, call: NodeCall, what: str) -> None:
        self.violations.append(f"{call.placement} of {call.execution_id[-4:]}: {what}")
