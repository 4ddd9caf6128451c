"""What must be true of one execution's history, one small rule for each promise.

Pure: a rule sees every entry of a journal once, in order, and says in sentences what is wrong.
It keeps what it needs of the visits and nothing of the payloads, so a journal of any length can
be checked. `axiomd/store/verify.py` feeds them from a store.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from axiomd.execution.arrivals import Arrival
from axiomd.execution.debugging import OF_A_HELD_VISIT
from axiomd.execution.execution import Execution
from axiomd.execution.history import History
from axiomd.execution.join import Verdict, judge
from axiomd.execution.journal import AFTER_THE_END, COMMANDS, Entry, EntryKind, trigger_of
from axiomd.execution.position import Position, visit_text
from axiomd.execution.status import (
    ENDING,
    PARKING,
    IllegalTransition,
    Residence,
    Status,
    Trigger,
    advance,
)
from axiomd.execution.undoing import is_undoable
from axiomd.flow.artifact import Artifact

ONCE = frozenset(
    {
        EntryKind.NODE_COMPLETED,
        EntryKind.EDGE_TAKEN,
        EntryKind.GATE_OPENED,
        EntryKind.COMPENSATION_COMPLETED,
    }
)
"""What can be said of a node visit, or of an edge out of it, only once."""

ANSWERS = frozenset(
    {
        EntryKind.NODE_COMPLETED,
        EntryKind.NODE_FAILED,
        EntryKind.NODE_TIMED_OUT,
        EntryKind.NODE_LOST,
        EntryKind.NODE_SETTLED,
    }
)
"""What has to be said of a call before a node that must run once may be called again."""

PAUSE_ENDS = frozenset({EntryKind.PAUSE_RESUMED, EntryKind.PAUSE_REJECTED, EntryKind.PAUSE_EXPIRED})
"""How a pause is over, unless nobody needs its visit any more."""
_CHECKPOINTS = {
    EntryKind.NODE_STARTED: EntryKind.NODE_COMPLETED,
    EntryKind.COMPENSATION_STARTED: EntryKind.COMPENSATION_COMPLETED,
}
"""What begins a call, and what is the checkpoint after which there is none."""

_OF_STEPS = frozenset(
    {
        EntryKind.COMPENSATION_STARTED,
        EntryKind.COMPENSATION_COMPLETED,
        EntryKind.COMPENSATION_FAILED,
        EntryKind.COMPENSATION_LOST,
    }
)

_OF_NODES = ANSWERS | {EntryKind.NODE_STARTED, EntryKind.EDGE_TAKEN, EntryKind.GATE_OPENED}
"""What brings an execution forward."""

Frames = Mapping[int, int]
"""Placements to the number of their stored frames."""


def arrival_faults(
    artifact: Artifact, frames: Frames, gate: int, arrivals: Iterable[Arrival]
) -> Iterator[str]:
    """An XOR gate takes every arm's frames in their order, and makes nothing of others."""
    decided = 0
    taken: Counter[int] = Counter()
    for arrival in arrivals:
        if arrival.edge not in artifact.incoming[gate]:
            yield f"gate {gate} has an arrival of edge {arrival.edge}, which is no arm of it"
            continue
        if (arrival.index, arrival.frame) != (decided, taken[arrival.edge]) or arrival.count < 1:
            yield f"gate {gate} took {arrival}, behind {decided} inputs and {dict(taken)}"
        decided += arrival.count
        taken[arrival.edge] += arrival.count
        emitted = frames.get(artifact.edges[arrival.edge].source, 0)
        if taken[arrival.edge] > emitted:
            yield f"gate {gate} took {taken[arrival.edge]} frames of an arm that has {emitted}"
    made = frames.get(gate, 0)
    if artifact.placements[gate].kind == "unary" and made > decided:
        yield f"gate {gate} made {made} frames of {decided} arrivals"


class Rule(Protocol):
    """One promise about a history."""

    def see(self, entry: Entry) -> Iterator[str]:
        """What is wrong with the next entry, given those before it."""
        ...

    def end(self) -> Iterator[str]:
        """What is wrong with the history as a whole."""
        ...


def history_faults(
    execution: Execution, artifact: Artifact, frames: Frames, entries: Iterable[Entry]
) -> Iterator[str]:
    """Everything that is wrong with the history of one execution."""
    rules = rules_of(execution, artifact, frames)
    for entry in entries:
        for rule in rules:
            yield from rule.see(entry)
    for rule in rules:
        yield from rule.end()


def rules_of(execution: Execution, artifact: Artifact, frames: Frames) -> Sequence[Rule]:
    """Every rule, ready to see the first entry."""
    return (
        _NoGap(execution),
        _StatusFollowsTheTable(execution),
        _SaidOnce(artifact),
        _NothingStartsAfterItsCheckpoint(),
        _OnceIsOnce(artifact),
        _SessionIsOnRecord(execution, artifact),
        _RetriesWait(),
        _CheckpointNamesItsEdges(artifact),
        _CompletionIsComplete(artifact, execution),
        _FramesAreCounted(frames),
        _UndoneInReverse(execution, artifact),
        _Folds(execution, artifact),
    )


class _NoGap:
    """A journal is numbered from 0 without a gap, as far as the record says."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._next = 0

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.seq != self._next:
            yield f"its journal has {entry.seq} where {self._next} should be"
        self._next = entry.seq + 1

    def end(self) -> Iterator[str]:
        if self._next != self._execution.entries:
            yield f"its journal has {self._next} entries, its record {self._execution.entries}"


class _StatusFollowsTheTable:
    """Rules 1 and 5: entries follow the table of statuses, and nothing comes after the end."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._status = Status.QUEUED
        self._claims = 0
        self._parked = False
        self._begun = False
        self._forked = False
        self._unowned = ""
        """What was said while no worker could say it, of a fork whose copied entries go on."""

    def see(self, entry: Entry) -> Iterator[str]:
        if not self._begun:
            self._begun = True
            if entry.kind is not EntryKind.EXECUTION_ACCEPTED:
                yield "its journal does not begin with its acceptance"
                return
        if self._status.ended:
            if entry.kind not in AFTER_THE_END:
                yield f"rule 5: {entry.kind.wire} after it had ended"
            return
        if entry.kind is EntryKind.EXECUTION_CLAIMED:
            self._claims += 1
            if entry.attempt != self._claims:
                yield f"claim {self._claims} calls itself {entry.attempt}"
        if entry.kind is EntryKind.EXECUTION_FORKED and not self._claims:
            self._forked, self._unowned = True, ""
            return
        trigger = trigger_of(entry, parked=self._parked)
        if trigger is not None and not self._is_copied(entry):
            yield from self._advance(entry, trigger)
        elif self._needs_worker(entry) and (self._parked or not self._suits(entry)):
            said = f"rule 5: {entry.kind.wire} while {self._where}"
            if self._is_copied(entry):
                self._unowned = self._unowned or said
            else:
                yield said

    def _is_copied(self, entry: Entry) -> bool:
        """Whether it may be what a fork begins with; `execution_forked` says that it was."""
        return bool(self._execution.forked_from and not self._claims and entry.position)

    def _suits(self, entry: Entry) -> bool:
        """Whether a worker says such a thing of an execution in this status."""
        if entry.kind in (EntryKind.NODE_LOG, EntryKind.NODE_PROGRESS):
            return self._status in (Status.RUNNING, Status.COMPENSATING)
        undoes = entry.kind in _OF_STEPS or entry.kind is EntryKind.COMPENSATION_RETRY_SCHEDULED
        return self._status is (Status.COMPENSATING if undoes else Status.RUNNING)

    @staticmethod
    def _needs_worker(entry: Entry) -> bool:
        return entry.position is not None and entry.kind not in COMMANDS

    def _advance(self, entry: Entry, trigger: Trigger) -> Iterator[str]:
        if self._parked and trigger is not Trigger.WAKE and trigger not in ENDING:
            yield f"rule 1: {entry.kind.wire} while {self._where}"
        try:
            self._status = advance(self._status, trigger)
        except IllegalTransition:
            yield f"rule 1: {entry.kind.wire} while {self._where}"
        self._parked = trigger in PARKING

    @property
    def _where(self) -> str:
        return f"{self._status} and parked" if self._parked else self._status.value

    def end(self) -> Iterator[str]:
        execution, status = self._execution, self._status
        if self._unowned:
            yield self._unowned
        if self._forked != bool(execution.forked_from):
            yield "its journal and its record do not agree whether it is a fork"
        if not self._begun:
            yield "its journal does not begin with its acceptance"
        if (status, self._claims) != (execution.status, execution.attempt):
            yield (
                f"rule 1: the journal says {status} after {self._claims} claims, "
                f"the record {execution.status} after {execution.attempt}"
            )
        if self._parked != (execution.residence is Residence.PARKED):
            yield f"its record is {execution.residence.value}, its journal ends while {self._where}"
        if status.ended != bool(execution.completed_ns):
            yield "its completion time does not fit its status"
        if (execution.failure is None) != (status not in (Status.FAILED, Status.CANCELLED)):
            yield "its failure does not fit its status"


class _SaidOnce:
    """A checkpoint, an edge taken, a gate's arm and its opening are written once."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._seen: set[tuple[EntryKind, Position | None, int]] = set()
        self._arms: set[tuple[Position, int]] = set()
        """What has come to which gate; a loop begins that anew, also if the gate never opened."""

    def see(self, entry: Entry) -> Iterator[str]:
        gathered = entry.edge >= 0 and self._artifact.gathered(entry.edge) is not None
        if entry.kind is EntryKind.GATE_ARRIVED and entry.position is not None and not gathered:
            if (entry.position, entry.edge) in self._arms:
                yield f"{entry.kind.wire} of {entry.position} by edge {entry.edge} came twice"
            self._arms.add((entry.position, entry.edge))
        elif entry.kind in ONCE and not gathered:
            said = (entry.kind, entry.position, entry.edge)
            if said in self._seen:
                edge = f" by edge {entry.edge}" if entry.edge >= 0 else ""
                yield f"{entry.kind.wire} of {entry.position}{edge} is written more than once"
            self._seen.add(said)
        if entry.kind is EntryKind.EDGE_TAKEN and self._artifact.edges[entry.edge].loop:
            assert entry.position is not None
            body, items = self._artifact.body(entry.edge), entry.position.items
            self._arms = {
                (gate, edge)
                for gate, edge in self._arms
                if gate.placement not in body or gate.items[: len(items)] != items
            }

    def end(self) -> Iterator[str]:
        yield from ()


class _NothingStartsAfterItsCheckpoint:
    """A checkpointed visit is never called again, and one that is undone is not undone again."""

    def __init__(self) -> None:
        self._done: set[tuple[EntryKind, Position | None]] = set()

    def see(self, entry: Entry) -> Iterator[str]:
        checkpoint = _CHECKPOINTS.get(entry.kind)
        if checkpoint is not None and (checkpoint, entry.position) in self._done:
            undo = "" if entry.kind is EntryKind.NODE_STARTED else ", to undo it,"
            yield f"a call of {entry.position}{undo} started after its checkpoint"
        if entry.kind in _CHECKPOINTS.values():
            self._done.add((entry.kind, entry.position))

    def end(self) -> Iterator[str]:
        yield from ()


class _OnceIsOnce:
    """A node that must not run twice is called again only after its call was answered for."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._open: set[Position] = set()

    def see(self, entry: Entry) -> Iterator[str]:
        position = entry.position
        if position is None or not self._artifact.placements[position.placement].once:
            return
        if entry.kind is EntryKind.NODE_STARTED:
            if position in self._open:
                yield f"{position}, which must run once, started again"
            self._open.add(position)
        elif entry.kind in ANSWERS:
            self._open.discard(position)

    def end(self) -> Iterator[str]:
        yield from ()


class _SessionIsOnRecord:
    """Nothing that a debug session holds is called, and the record names what is held."""

    def __init__(self, execution: Execution, artifact: Artifact) -> None:
        self._execution = execution
        self._artifact = artifact
        self._begun = False
        """Whether there is a session; what a fork has copied was said in another one."""
        self._held: set[str] = set()
        """What may be held: a loop that begins anew drops visits without a word of each."""

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.kind is EntryKind.DEBUG_CONTINUED:
            self._held.clear()
        self._begun = self._begun or entry.kind is EntryKind.DEBUG_STARTED
        if entry.position is None or not self._begun:
            return
        visit = visit_text(self._artifact, entry.position)
        if entry.kind in OF_A_HELD_VISIT and visit not in self._held:
            yield f"{entry.kind.wire} of {visit}, which is not held"
        if entry.kind is EntryKind.NODE_STARTED and visit in self._held:
            yield f"a call of {visit} started while a debug session held it"
        if entry.kind is EntryKind.DEBUG_HELD:
            self._held.add(visit)
        if entry.kind is EntryKind.DEBUG_STEPPED:
            self._held.discard(visit)

    def end(self) -> Iterator[str]:
        unheard = set(self._execution.held) - self._held
        if unheard:
            yield f"its record holds {sorted(unheard)}, its journal does not"


class _RetriesWait:
    """A call that has its time begins no earlier."""

    def __init__(self) -> None:
        self._due_ns: dict[Position | None, int] = {}

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.kind in (EntryKind.NODE_RETRY_SCHEDULED, EntryKind.COMPENSATION_RETRY_SCHEDULED):
            self._due_ns[entry.position] = entry.due_ns
        if entry.kind in _CHECKPOINTS:
            early_ns = self._due_ns.pop(entry.position, 0) - entry.at_ns
            if early_ns > 0:
                yield f"a call of {entry.position} started {early_ns} ns before its time"

    def end(self) -> Iterator[str]:
        yield from ()


class _CheckpointNamesItsEdges:
    """Rule 16: the edges taken are in the checkpoint itself, and the journal tells of each."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._named: set[tuple[Position | None, int]] = set()

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.kind is EntryKind.NODE_COMPLETED:
            if entry.position is None:
                yield "a checkpoint names no visit"
                return
            strange = set(entry.edges).difference(self._artifact.outgoing[entry.position.placement])
            if strange:
                yield f"rule 16: the checkpoint of {entry.position} names edges of others"
            self._named |= {(entry.position, edge) for edge in entry.edges}
        if entry.kind is EntryKind.EDGE_TAKEN and not self._made_here(entry):
            if (entry.position, entry.edge) not in self._named:
                yield f"rule 16: no checkpoint names edge {entry.edge} of {entry.position}"
            self._named.discard((entry.position, entry.edge))

    def _made_here(self, entry: Entry) -> bool:
        """Whether its message is no output: of a failure, or of a list without items."""
        assert entry.position is not None
        scope = self._artifact.scopes[entry.position.placement]
        return self._artifact.edges[entry.edge].on_error or len(entry.position.items) < len(scope)

    def end(self) -> Iterator[str]:
        if self._named:
            yield "rule 16: a checkpoint names edges that were not taken"


class _CompletionIsComplete:
    """What completed has completed its terminal, or says where its branches ended."""

    def __init__(self, artifact: Artifact, execution: Execution) -> None:
        self._artifact = artifact
        self._execution = execution
        self._done: set[int] = set()
        self._completed = False

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
            self._done.add(entry.position.placement)
        if entry.kind is EntryKind.EXECUTION_COMPLETED:
            self._completed = True
        yield from ()

    def end(self) -> Iterator[str]:
        if not self._completed:
            return
        if self._artifact.terminal not in self._done and not self._execution.ended_at:
            yield "it completed, its terminal did not"
        if self._artifact.visits_all and len(self._done) != len(self._artifact.placements):
            yield "it completed, some placement did not"


class _FramesAreCounted:
    """A checkpoint says how many frames its placement emitted, and those are stored."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def see(self, entry: Entry) -> Iterator[str]:
        if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
            stored = self._frames.get(entry.position.placement, 0)
            if entry.frames != stored:
                yield f"{entry.position} says it emitted {entry.frames} frames, {stored} are stored"

    def end(self) -> Iterator[str]:
        yield from ()


class _UndoneInReverse:
    """What is undone had completed, and nothing is undone before all that completed after it."""

    def __init__(self, execution: Execution, artifact: Artifact) -> None:
        self._execution = execution
        self._artifact = artifact
        self._done: list[Position | None] = []
        """Visits that can be undone and are not, in the order in which they completed."""
        self._begun = False

    def see(self, entry: Entry) -> Iterator[str]:
        if is_undoable(self._artifact, entry):
            self._done.append(entry.position)
        if self._begun and entry.kind in _OF_NODES:
            yield f"{entry.kind.wire} of {entry.position} while it is being undone"
        if entry.kind is EntryKind.COMPENSATION_BEGUN:
            self._begun = True
        elif entry.kind in _OF_STEPS:
            if not self._begun:
                yield f"{entry.kind.wire} of {entry.position}, and no compensation has begun"
            if self._done[-1:] != [entry.position]:
                yield f"{entry.kind.wire} of {entry.position}, whose turn it is not"
            elif entry.failed or entry.kind is EntryKind.COMPENSATION_COMPLETED:
                self._done.pop()

    def end(self) -> Iterator[str]:
        if self._begun is not self._execution.undoing:
            yield f"its record says undoing={self._execution.undoing}, its journal does not"


class _Folds:
    """Rule 16: the journal alone makes the state; nothing in it refers to what is not there.

    The record names what a person is asked, as long as it can go on, and nothing is answered
    that was not asked.
    """

    def __init__(self, execution: Execution, artifact: Artifact) -> None:
        self._execution = execution
        self._artifact = artifact
        self._children = frozenset(execution.children)
        self._history: History | None = History(artifact)

    def see(self, entry: Entry) -> Iterator[str]:
        if self._history is None:
            return
        if entry.kind is EntryKind.GATE_OPENED and entry.position is not None:
            yield from self._opened_early(self._history, entry.position, entry.at_ns)
        if entry.position is not None:
            yield from self._unasked(self._history, entry, entry.position)
        try:
            self._history.apply(entry)
            self._history.take_due()
        except (AssertionError, LookupError) as failure:
            self._history = None
            yield f"rule 16: {entry.kind.wire} at {entry.seq} does not fold: {failure!r}"

    def _opened_early(self, history: History, gate: Position, at_ns: int) -> Iterator[str]:
        """A gate opens once all that it waits for has come, or once it has waited long enough."""
        there = history.gates.get((gate.placement, gate.items))
        join = self._artifact.placements[gate.placement].join
        late = there is not None and 0 < there.due_ns <= at_ns
        if there is None or not (late or judge(join, there.tally) is Verdict.OPEN):
            yield f"gate {gate} opened without its arms"

    def _unasked(self, history: History, entry: Entry, position: Position) -> Iterator[str]:
        """A visit is settled that is in doubt; it is asked for once, answered once, and in time."""
        expires_ns = history.pauses.get(position)
        if entry.kind is EntryKind.NODE_SETTLED and position not in history.doubts:
            yield f"{self._visit(position)} is settled and was not in doubt"
        if entry.kind in PAUSE_ENDS and expires_ns is None:
            yield f"{entry.kind.wire} of {self._visit(position)}, which is not paused"
        if entry.kind is EntryKind.PAUSE_OPENED:
            if expires_ns is not None or position in history.answered:
                yield f"the pause of {self._visit(position)} is opened more than once"
        elif expires_ns and entry.kind in PAUSE_ENDS:
            in_time = entry.at_ns < expires_ns
            if in_time is (entry.kind is EntryKind.PAUSE_EXPIRED):
                yield f"{entry.kind.wire} of {self._visit(position)} is not of its time"
        if entry.kind is EntryKind.NODE_STARTED and self._is_held(history, position):
            yield f"a call of {self._visit(position)} started before anybody answered for it"

    def _is_held(self, history: History, position: Position) -> bool:
        paused = self._artifact.placements[position.placement].hitl is not None
        return paused and position not in history.answered

    def _visit(self, position: Position) -> str:
        return visit_text(self._artifact, position)

    def end(self) -> Iterator[str]:
        execution, history = self._execution, self._history
        if history is None:
            return
        for child in sorted(self._children.difference(history.children.values())):
            yield f"its record waits for child {child}, its journal for others"
        doubts, pauses = set[str](), set[tuple[str, int]]()
        if not execution.status.ended:
            doubts = {self._visit(position) for position in history.doubts}
            pauses = {(self._visit(p), due_ns) for p, due_ns in history.pauses.items()}
        if doubts != set(execution.doubts):
            yield f"its journal leaves {sorted(doubts)} in doubt, its record names others"
        if pauses != {(pause.position, pause.expires_ns) for pause in execution.pauses}:
            yield f"its journal leaves pauses of {sorted(pauses)} open, its record names others"
