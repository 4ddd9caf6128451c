"""Which part of a history a fork begins with, and whether another artifact can go on from there.

A fork takes over what was said of node visits and edges, and nothing of the execution that said
it: no claims, no ends, no debug session, no child executions. A visit that was in flight is as if
it had just become due. Pure: the journal comes in, entries for another one come out.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

import attrs

from axiomd.errors import Invalid, Problem, WrongState
from axiomd.execution.history import History
from axiomd.execution.journal import AFTER_THE_END, Entry, EntryKind, Payload
from axiomd.execution.position import Position, visit_text
from axiomd.flow.artifact import Artifact
from axiomd.strict import unknown

_ENDS = frozenset(
    {
        EntryKind.EXECUTION_COMPLETED,
        EntryKind.EXECUTION_FAILED,
        EntryKind.EXECUTION_CANCELLED,
    }
)
_FOLLOWS = frozenset(
    {
        EntryKind.EDGE_TAKEN,
        EntryKind.EDGE_NOT_TAKEN,
        EntryKind.GATE_ARRIVED,
        EntryKind.GATE_OPENED,
        EntryKind.GATE_NOT_TAKEN,
        EntryKind.GATE_FAILED,
        EntryKind.NODE_FANNED_OUT,
        EntryKind.NODE_ITEM,
    }
)
"""What a checkpoint's own commit says behind it."""
_OF_A_VISIT = frozenset(
    {
        EntryKind.NODE_STARTED,
        EntryKind.NODE_LOG,
        EntryKind.NODE_PROGRESS,
        EntryKind.NODE_FAILED,
        EntryKind.NODE_TIMED_OUT,
        EntryKind.NODE_LOST,
        EntryKind.NODE_RETRY_SCHEDULED,
        EntryKind.NODE_IN_DOUBT,
        EntryKind.NODE_SETTLED,
        EntryKind.DEBUG_EDITED,
    }
)
"""What is forgotten of a visit in flight."""
_OF_A_PAUSE = frozenset(
    {
        EntryKind.PAUSE_OPENED,
        EntryKind.PAUSE_RESUMED,
        EntryKind.PAUSE_REJECTED,
        EntryKind.PAUSE_EXPIRED,
    }
)
"""What is kept of it if somebody has let it go on."""
_COPIED = (
    _FOLLOWS
    | _OF_A_VISIT
    | _OF_A_PAUSE
    | {
        EntryKind.EXECUTION_ACCEPTED,
        EntryKind.EXECUTION_FORKED,
        EntryKind.NODE_COMPLETED,
        EntryKind.GATE_COMPOSED,
    }
)
_UNDOING = frozenset(kind for kind in EntryKind if kind.name.startswith("COMPENSATION_"))
_KNOWN_MAX = 1_000
"""Completed visits that are remembered, to name the nearest one."""

Wire = Callable[[int, int], Iterable[str]]
"""What is wrong with reading the messages of a placement as those of a placement of another
artifact: one sentence for each problem."""


@attrs.define(eq=False)
class Mentions:
    """What of an artifact a history speaks of, by number."""

    placements: set[int] = attrs.field(factory=set)
    edges: set[int] = attrs.field(factory=set)
    completed: set[int] = attrs.field(factory=set)

    def see(self, artifact: Artifact, entry: Entry) -> None:
        """Take an entry into account."""
        if entry.position is not None:
            self.placements.add(entry.position.placement)
            if entry.kind is EntryKind.NODE_COMPLETED:
                self.completed.add(entry.position.placement)
        if entry.edge >= 0:
            self.edges.add(entry.edge)
            self.placements.add(artifact.edges[entry.edge].destination)


@attrs.frozen(eq=False)
class Beginning:
    """What a fork takes over of a history."""

    until: int
    """Nothing from this seq on."""
    pending: frozenset[Position]
    """Visits that are due in the fork."""
    renewed: frozenset[Position]
    """Those of them that begin from the start."""
    asked_again: frozenset[Position]
    """Those of these for which nobody has let them go on."""
    mentions: Mentions
    waiting: frozenset[Position]
    """Gates that wait for arms; their time begins anew too."""
    later_ns: int
    """How much later than in the source that is."""
    routed: Position | None = None
    """The visit whose output is followed anew."""
    payload: Payload | None = None
    """That output."""

    def entries(self, journal: Iterable[Entry]) -> Iterator[Entry]:
        """What the fork's journal begins with."""
        for entry in takewhile(lambda entry: entry.seq < self.until, journal):
            if entry.kind not in _COPIED:
                continue
            if entry.kind in _OF_A_VISIT and entry.position in self.renewed:
                continue
            if entry.kind in _OF_A_PAUSE and entry.position in self.asked_again:
                continue
            if entry.kind is EntryKind.NODE_STARTED and entry.position == self.routed:
                # Its checkpoint is the fork's own, and would seem to have taken all the time since.
                continue
            yield self._in_its_time(entry)

    def _in_its_time(self, entry: Entry) -> Entry:
        waits = entry.kind is EntryKind.GATE_ARRIVED and entry.position in self.waiting
        if not waits or not entry.due_ns:
            return entry
        return attrs.evolve(entry, due_ns=entry.due_ns + self.later_ns)


def from_checkpoint(
    artifact: Artifact,
    journal: Iterable[Entry],
    at: Position,
    output: Payload | None,
    now_ns: int,
    *,
    anew: bool,
) -> Beginning:
    """The history up to a completed visit, all that its commit says included.

    output: what the visit returns in the fork, if it is something else. anew: whether its edges
    are evaluated again even so; as they are where that commit brought the end. Raises Invalid.
    """
    history, mentions = History(artifact), Mentions()
    known: list[str] = []
    entries = iter(journal)
    for entry in entries:
        if entry.kind is EntryKind.NODE_COMPLETED and entry.position == at:
            behind = _rest_of_commit(entry, entries)
            if output is not None or anew or any(e.kind in _ENDS for e in behind):
                routed = (at, output or entry.payload)
                return _beginning(history, mentions, entry.seq, now_ns - entry.at_ns, *routed)
            for each in (entry, *behind):
                history.apply(each)
                mentions.see(artifact, each)
            until = entry.seq + 1 + len(behind)
            return _beginning(history, mentions, until, now_ns - entry.at_ns)
        if entry.kind in _COPIED:
            history.apply(entry)
            mentions.see(artifact, entry)
        if entry.kind is EntryKind.NODE_COMPLETED and len(known) < _KNOWN_MAX:
            assert entry.position is not None
            known.append(visit_text(artifact, entry.position))
    words = unknown("checkpoint", visit_text(artifact, at), known)
    raise Invalid("There is no such checkpoint.", problems=[Problem("from", words)])


def _rest_of_commit(checkpoint: Entry, entries: Iterator[Entry]) -> list[Entry]:
    """What was written together with a checkpoint: in one time, and behind it."""
    said = _FOLLOWS | _ENDS
    return list(takewhile(lambda e: e.at_ns == checkpoint.at_ns and e.kind in said, entries))


def from_failure(artifact: Artifact, journal: Iterable[Entry], now_ns: int) -> Beginning:
    """The whole history of an execution that failed or was cancelled, without that.

    Raises WrongState where no visit could run again: what failed is an edge or a gate.
    """
    history, mentions = History(artifact), Mentions()
    last: Entry | None = None
    until = at_ns = 0
    for entry in journal:
        if entry.kind in AFTER_THE_END:
            continue
        if entry.kind in _UNDOING:
            raise WrongState("What it has done was compensated: start it anew.")
        if _is_fault(last, entry):
            assert last is not None
            assert last.position is not None
            visit = visit_text(artifact, last.position)
            raise WrongState(
                f"No node failed: the edges of {visit} did. Fork it from {visit} with "
                "another output, or on another artifact."
            )
        if entry.kind in _COPIED:
            history.apply(entry)
            mentions.see(artifact, entry)
        last, until, at_ns = entry, entry.seq + 1, entry.at_ns
    gates = [p for p in history.pending if p in history.broken and p not in history.answered]
    if gates:
        gate = visit_text(artifact, gates[0])
        raise WrongState(f"The gate {gate} failed: fork the execution from an earlier checkpoint.")
    return _beginning(history, mentions, until, now_ns - at_ns)


def _is_fault(last: Entry | None, entry: Entry) -> bool:
    """Whether an execution failed in the commit of a checkpoint: its edges did."""
    return (
        last is not None
        and entry.kind is EntryKind.EXECUTION_FAILED
        and (last.kind, last.at_ns) == (EntryKind.NODE_COMPLETED, entry.at_ns)
    )


def _beginning(
    history: History,
    mentions: Mentions,
    until: int,
    later_ns: int,
    routed: Position | None = None,
    payload: Payload | None = None,
) -> Beginning:
    kept = {*history.settled, *([routed] if routed is not None else [])}
    waiting = {
        history.next_visit(*place) for place, gate in history.gates.items() if not gate.opened
    }
    renewed = frozenset(history.pending).difference(kept)
    let_go = history.answered.difference(history.broken)
    return Beginning(
        until=until,
        pending=frozenset(history.pending),
        renewed=renewed,
        asked_again=renewed.difference(let_go),
        mentions=mentions,
        waiting=frozenset(waiting),
        later_ns=max(0, later_ns),
        routed=routed,
        payload=payload,
    )


# -- another artifact -------------------------------------------------------------------------

_EdgeName = tuple[str, str, bool, bool]
"""An edge by its ends, and what it is for."""


def _edge_name(artifact: Artifact, edge: int) -> _EdgeName:
    ends = artifact.edges[edge]
    source, destination = artifact.placements[ends.source], artifact.placements[ends.destination]
    return source.alias, destination.alias, ends.loop, ends.on_error


@attrs.frozen(eq=False)
class Translation:
    """The numbers of one artifact's placements and edges in another one, by their names."""

    old: Artifact
    new: Artifact

    def placement(self, number: int) -> int:
        """A placement that both have."""
        return self.new.index_of[self.old.placements[number].alias]

    def position(self, position: Position) -> Position:
        """A visit of a placement that both have."""
        return position._replace(placement=self.placement(position.placement))

    def entry(self, entry: Entry) -> Entry:
        """An entry as the other artifact's journal has it."""
        return attrs.evolve(
            entry,
            position=None if entry.position is None else self.position(entry.position),
            edge=self._edges[entry.edge] if entry.edge >= 0 else entry.edge,
            edges=tuple(self._edges[edge] for edge in entry.edges),
        )

    _edges: dict[int, int] = attrs.field(init=False)

    @_edges.default
    def _number_edges(self) -> dict[int, int]:
        named = {_edge_name(self.new, edge): edge for edge in range(len(self.new.edges))}
        names = {edge: _edge_name(self.old, edge) for edge in range(len(self.old.edges))}
        return {edge: named[name] for edge, name in names.items() if name in named}

    def misfits(self, beginning: Beginning, journal: Iterable[Entry], wire: Wire) -> list[str]:
        """Why the other artifact cannot go on from there; nothing if it can."""
        found = [*self._different(beginning.mentions, wire)]
        if found:
            return found
        history = History(self.new)
        try:
            for entry in beginning.entries(journal):
                history.apply(self.entry(entry))
        except (AssertionError, LookupError):
            return ["its gates and fan-outs make something else of what has happened"]
        if set(history.pending) != {self.position(p) for p in beginning.pending}:
            return ["other visits would be due"]
        return []

    def _different(self, mentions: Mentions, wire: Wire) -> Iterator[str]:
        old, new = self.old, self.new
        if old.placements[old.entry].alias != new.placements[new.entry].alias:
            yield "it begins with another placement"
        for number in sorted(mentions.placements | {old.entry}):
            alias = old.placements[number].alias
            if alias not in new.index_of:
                yield unknown("placement", alias, new.index_of)
            else:
                yield from self._other_placement(number, wire)
        for edge in sorted(mentions.edges - set(self._edges)):
            source, destination, *_ = _edge_name(old, edge)
            yield f"it has no edge {source} → {destination}"
        for number in sorted(mentions.completed):
            if old.placements[number].alias in new.index_of and self._asks_otherwise(number):
                yield f"{old.placements[number].alias}, which is done, has to be asked about there"
            if old.placements[number].alias in new.index_of and self._leads_elsewhere(number):
                yield f"other edges lead on from {old.placements[number].alias}, which is done"

    def _other_placement(self, number: int, wire: Wire) -> Iterator[str]:
        old, new, there = self.old, self.new, self.placement(number)
        alias = old.placements[number].alias
        if _arms(old, number) != _arms(new, there):
            yield f"other edges lead to {alias}"
        elif _scope(old, number) != _scope(new, there):
            yield f"{alias} is visited for the items of another fan-out"
        yield from (f"{alias}: {words}" for words in wire(number, there))

    def _asks_otherwise(self, number: int) -> bool:
        """Whether a person would have had a say that nobody had."""
        before, after = self.old.placements[number], self.new.placements[self.placement(number)]
        asks = before.hitl is None and after.hitl is not None
        return asks or (after.once and not before.once)

    def _leads_elsewhere(self, number: int) -> bool:
        old, new, there = self.old, self.new, self.placement(number)
        before = {_edge_name(old, e) for e in (*old.outgoing[number], *old.rescues[number])}
        after = {_edge_name(new, e) for e in (*new.outgoing[there], *new.rescues[there])}
        return before != after


def _arms(artifact: Artifact, placement: int) -> frozenset[_EdgeName]:
    """What a gate waits for; nothing for what is none."""
    gate = artifact.is_gate(placement)
    return frozenset(_edge_name(artifact, e) for e in artifact.incoming[placement] if gate)


def _scope(artifact: Artifact, placement: int) -> list[str]:
    return [artifact.placements[fan].alias for fan in artifact.scopes[placement]]
