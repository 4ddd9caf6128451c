"""A whole box without processes and sockets: real store, writer and engine in a directory.

A `World` is what outlives a power cut: the directory, the clock, what clients were told, and what
node code saw. `open_box` is one life of the box in it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio
from contract.chaos import Chaos, ChaosRunner
from worlds.disk import Cut, Disk, open_disk
from worlds.flows import Story
from worlds.invariants import broken_invariants, state_of, stored_executions
from worlds.nodes import Nodes
from worlds.oracle import over
from worlds.rules import StoryRules
from worlds.seeds import TickingClock, run_inline, seeded_ids

from axiomd.engine.attempt import Attempt
from axiomd.engine.engine import Engine, open_engine
from axiomd.engine.parts import Parts
from axiomd.engine.tail import Tail
from axiomd.execution.execution import Execution
from axiomd.execution.flow_configs import Terms
from axiomd.execution.history import History
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position, position_text
from axiomd.execution.status import Status
from axiomd.flow.artifact import Artifact
from axiomd.runners.base import Runner
from axiomd.settings import EngineSettings, RetentionSettings, StoreSettings
from axiomd.store.blobs import Blobs
from axiomd.store.commit import IdempotencyClaim
from axiomd.store.env import Store, open_store
from axiomd.store.reader import Reader
from axiomd.store.timetable import Timetable
from axiomd.store.writer import Writer

MAP_BYTES = 64 * 2**20


@attrs.frozen(eq=False)
class Physics:
    """How a life of a box goes wrong, and how fast."""

    sync_s: float = 0.002
    """Longest time a batch takes to write, and to tell of."""
    chaos: Chaos | None = None
    cut: Cut | None = None
    settings: EngineSettings = attrs.field(
        factory=lambda: EngineSettings(drain_s=0, started_delay_ms=1)
    )
    map_size_bytes: int = MAP_BYTES
    retention: RetentionSettings = attrs.field(factory=RetentionSettings)


class World:
    """What outlives a power cut."""

    def __init__(self, directory: Path, stories: Iterable[Story], seed: int = 0) -> None:
        self.directory = directory
        self.seed = seed
        self.clock = TickingClock()
        self.ids = seeded_ids(self.clock, seed)
        every = (one for story in stories for one in story.family)
        self.stories = {story.artifact.graph_id: story for story in every}
        self.nodes = Nodes(self.stories, seed, latency_s=0.003)
        self.told: dict[str, bytes] = {}
        """Executions that a client was told of, by ID, with the key of its request."""
        self.durable_at_cut: set[tuple[str, str, int]] = set()
        """(execution, alias, frame) that were on disk when the power went."""
        self.answers: list[tuple[str, str]] = []
        """Paused visits, by execution, of which a person was told that the answer counts."""
        self.undone_at_cut: set[tuple[str, str]] = set()
        """(execution, visit) that were undone, or given up, on disk when the power went."""
        self.lives = 0
        self.streamed: dict[str, list[bytes]] = {}
        """By execution: the frames that its client has seen."""

    @property
    def story(self) -> Story:
        return next(iter(self.stories.values()))


@attrs.frozen(eq=False)
class Box:
    """One life."""

    world: World
    store: Store
    reader: Reader
    writer: Writer
    blobs: Blobs
    tail: Tail
    disk: Disk
    parts: Parts
    engine: Engine
    runner: Runner
    attempts: dict[str, Attempt]
    """The last attempt of each execution, also after it has ended."""

    async def accept(self, payload: bytes, key: bytes = b"", story: Story | None = None) -> str:
        """What the edge does for an invocation; the client has its answer when this returns."""
        claim = IdempotencyClaim(key.rjust(32), payload.rjust(32)) if key else None
        artifact = (story or self.world.story).artifact
        accepted = await self.engine.accept(artifact, payload, claim)
        self.world.told[accepted.execution_id] = key or payload
        return accepted.execution_id

    async def ended(self, execution_id: str, within_s: float = 3600) -> Execution:
        """The record once the execution has ended; fails the test if it never does."""
        execution = await self.engine.wait_ended(execution_id, within_s)
        assert execution is not None, f"{execution_id} never ends: {self.kinds(execution_id)}"
        return execution

    async def reached(self, execution_id: str, reached: Callable[[Execution], bool]) -> Execution:
        """The record once `reached` is true of it; fails the test if it never is."""
        with trio.fail_after(3600), self.tail.watch(execution_id) as watch:
            while True:
                execution = self.reader.find_execution(execution_id)
                assert execution is not None
                if reached(execution):
                    return execution
                await watch.changed()

    async def all_ended(self) -> list[Execution]:
        return [await self.ended(e.execution_id) for e in stored_executions(self.store)]

    def kinds(self, execution_id: str) -> list[str]:
        return [entry.kind.wire for entry in self.reader.journal(execution_id)]

    def outputs(self, execution_id: str) -> dict[str, bytes]:
        """What each checkpointed placement of a unary execution returned."""
        artifact = self.artifact_of(execution_id)
        return {
            artifact.placements[entry.position.placement].alias: self.blobs.get(entry.payload)
            for entry in self.reader.journal(execution_id)
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position and entry.payload
        }

    def undone(self, execution_id: str) -> list[tuple[str, str]]:
        """What the compensation of an execution has come to: each visit and what became of it."""
        artifact = self.artifact_of(execution_id)
        undoing = History.fold(artifact, self.reader.journal(execution_id)).undoing
        assert undoing is not None
        placements = artifact.placements
        return [
            (position_text(position, placements[position.placement].alias), step.status)
            for position, step in undoing.steps.items()
        ]

    def visits(self, execution_id: str) -> dict[str, bytes]:
        """What each checkpointed visit of a unary execution returned, by its position."""
        placements = self.artifact_of(execution_id).placements
        return {
            position_text(entry.position, placements[entry.position.placement].alias): (
                self.blobs.get(entry.payload)
            )
            for entry in self.reader.journal(execution_id)
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position and entry.payload
        }

    def frames(self, execution_id: str) -> dict[str, list[bytes]]:
        """What each placement of a pipeline execution emitted."""
        placements = self.artifact_of(execution_id).placements
        found: dict[str, list[bytes]] = {placement.alias: [] for placement in placements}
        for number, frames in enumerate(found.values()):
            while rows := self.reader.frames(execution_id, number, len(frames), 10**6):
                frames += [self.blobs.get(payload) for _, payload in rows]
        return found

    def artifact_of(self, execution_id: str):
        execution = self.reader.find_execution(execution_id)
        assert execution is not None
        return self.world.stories[execution.graph_id].artifact

    def broken(self) -> list[str]:
        """What is wrong with the store, with what node code saw, or with a live history."""
        artifacts = {name: story.artifact for name, story in self.world.stories.items()}
        blobs = self.world.directory / "blobs"
        found = broken_invariants(self.store, blobs, artifacts) + self.world.nodes.violations
        for execution_id, attempt in self.attempts.items():
            found += self._history_faults(execution_id, attempt)
        return found + list(self._answer_faults())

    def _answer_faults(self) -> Iterable[str]:
        """What a person was told to count counts, and nothing else does."""
        answered = {EntryKind.PAUSE_RESUMED, EntryKind.PAUSE_REJECTED}
        on_record = Counter(
            (execution.execution_id, self._visit(execution.execution_id, entry.position))
            for execution in stored_executions(self.store)
            for entry in self.reader.journal(execution.execution_id)
            if entry.kind in answered and entry.position
        )
        for answer, count in Counter(self.world.answers).items():
            if (count, on_record[answer]) != (1, 1):
                yield f"the answer for {answer} was confirmed {count} times: {on_record[answer]}"

    def _visit(self, execution_id: str, position: Position) -> str:
        return position_text(
            position, self.artifact_of(execution_id).placements[position.placement].alias
        )

    def _history_faults(self, execution_id: str, attempt: Attempt) -> Iterable[str]:
        execution = self.reader.find_execution(execution_id)
        if execution is None or execution.attempt != attempt.fence:
            return
        if execution.status is not Status.COMPLETED:
            return
        stored = state_of(History.fold(attempt.artifact, self.reader.journal(execution_id)))
        live = state_of(attempt.history)
        names = ("pending", "gates", "completed")
        hasty = is_hasty(attempt.artifact)
        if attempt.artifact.mode == "pipeline" or hasty:
            # Arms that a gate did not wait for may end after the terminal; that is fenced.
            live["completed"] = {
                p: n for p, n in live["completed"].items() if p in stored["completed"]
            }
        for name in names[-1:] if hasty else names:
            if stored[name] != live[name]:
                yield f"rule 16: {name} is {stored[name]} folded and {live[name]} live"


def is_hasty(artifact: Artifact) -> bool:
    """Whether a gate of a unary flow may open while arms of it are at work."""
    joins = (placement.join for placement in artifact.placements)
    early = any(join.kind == "XOR" or join.quorum or join.timeout_s for join in joins)
    return artifact.mode == "unary" and early


@asynccontextmanager
async def open_box(world: World, physics: Physics | None = None) -> AsyncIterator[Box]:
    """One life of the box. A power cut ends the block silently; `box.disk.dead` tells."""
    physics = physics or Physics()
    world.lives += 1
    seed = world.seed * 1_000 + world.lives
    nodes = world.nodes
    nodes.life, nodes.dead = world.lives, False
    store_settings = StoreSettings(map_size_bytes=physics.map_size_bytes, sync=False)
    with open_store(store_settings, world.directory) as store:
        tail, reader = Tail(), Reader(store)
        blobs = Blobs(world.directory / "blobs", sync=False)
        nodes.reader, nodes.blobs = reader, blobs
        runner: Runner = nodes.runner()
        if physics.chaos is not None:
            runner = ChaosRunner(runner, seed, physics.chaos)
        writer = Writer(store, tail.publish)
        async with open_disk(writer, seed, physics.sync_s, physics.cut) as disk:
            parts = Parts(
                writer=writer,
                reader=reader,
                timetable=Timetable(store),
                blobs=blobs,
                tail=tail,
                runners={"inline": runner},
                artifact=lambda tenant, graph_id: world.stories[graph_id].artifact,
                rules=lambda tenant, graph_id: StoryRules(world.stories[graph_id]),
                terms=lambda tenant, flow, config_id: Terms(physics.settings.node_timeout_s),
                clock=world.clock,
                ids=world.ids,
                chance=world.ids.chance,
                settings=physics.settings,
                run_blocking=run_inline,
                retention=physics.retention,
            )
            disk.on_cut = lambda: note_cut(world, store)
            async with open_engine(parts) as engine:
                box = Box(
                    world, store, reader, writer, blobs, tail, disk, parts, engine, runner, {}
                )
                # The engine keeps no attempt that is over; the history of the last one is wanted.
                disk.on_told = lambda: box.attempts.update(engine._attempts)
                yield box
        nodes.dead = False


def note_cut(world: World, store: Store) -> None:
    """At the instant of the cut: check and remember what is durable; nothing counts after it."""
    world.nodes.dead = True
    artifacts = {name: story.artifact for name, story in world.stories.items()}
    world.nodes.violations += broken_invariants(store, world.directory / "blobs", artifacts)
    reader = Reader(store)
    for execution in stored_executions(store):
        artifact = world.stories[execution.graph_id].artifact
        world.undone_at_cut |= {
            (execution.execution_id, visit)
            for visit in over(artifact, reader.journal(execution.execution_id))
        }
        for entry in reader.journal(execution.execution_id):
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
                alias = artifact.placements[entry.position.placement].alias
                world.durable_at_cut.add((execution.execution_id, alias, 0))
        for number, placement in enumerate(artifact.placements):
            if placement.kind == "unary" and artifact.mode == "pipeline":
                count = reader.frame_count(execution.execution_id, number)
                for frame in range(count):
                    world.durable_at_cut.add((execution.execution_id, placement.alias, frame))
