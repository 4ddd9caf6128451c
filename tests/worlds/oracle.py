"""What must come out of a story, computed as naively as can be: no store, no engine, no order.

What an XOR gate takes when is chance. So the oracle reads the order off what the gate emitted: one
in which each arm's frames keep theirs, none is lost and none is there twice; if there is no such
order, what it expects differs from what was seen.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import attrs
from worlds.flows import Story, answer

from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.position import position_text
from axiomd.flow.artifact import Artifact


@attrs.frozen
class Outcome:
    """How an execution of a story must end."""

    failing: frozenset[str]
    """Aliases that may be the one it fails at; empty if it completes."""
    outputs: dict[str, bytes] = attrs.field(factory=dict)
    """Of a unary story that completes: what each placement returned."""
    frames: dict[str, list[bytes]] = attrs.field(factory=dict)
    """Of a pipeline: what each placement emits, if none fails."""


_GIVEN_UP = (EntryKind.COMPENSATION_FAILED, EntryKind.COMPENSATION_LOST)

Seen = Mapping[str, Sequence[bytes]]
"""What each placement of a pipeline emitted."""


def expected(story: Story, payload: bytes, seen: Seen | None = None) -> Outcome:
    """seen: what came out, for stories with XOR gates."""
    if story.artifact.mode == "unary":
        return _expected_unary(story, payload)
    return _expected_pipeline(story, payload, seen or {})


def doomed(story: Story, alias: str) -> bool:
    """Whether no call that the retry policy allows can end well.

    What must run once is not charged for its crashes: a person settles them.
    """
    behaviour = story.behaviour(alias)
    placement = story.artifact.placements[story.artifact.index_of[alias]]
    charged = behaviour.stumbles + (0 if placement.once else behaviour.crashes)
    return behaviour.fate != "fine" or charged >= placement.retry.max_attempts


def visit_of(artifact: Artifact, entry: Entry) -> str:
    """The visit that an entry speaks of, as text."""
    if entry.position is None:
        return ""
    return position_text(entry.position, artifact.placements[entry.position.placement].alias)


def to_undo(artifact: Artifact, entries: Sequence[Entry]) -> list[str]:
    """Visits that a compensation has to undo, in its order: which came last is chance, so that is
    read off the journal."""
    undoable = {p.alias for p in artifact.placements if p.compensate is not None}
    completed = [e for e in entries if e.kind is EntryKind.NODE_COMPLETED]
    visits = [visit_of(artifact, entry) for entry in completed]
    return [visit for visit in reversed(visits) if visit.split("#")[0].split("[")[0] in undoable]


def over(artifact: Artifact, entries: Sequence[Entry]) -> set[str]:
    """Visits that are undone, or given up."""
    return {
        visit_of(artifact, entry)
        for entry in entries
        if entry.kind is EntryKind.COMPENSATION_COMPLETED
        or (entry.kind in _GIVEN_UP and entry.failed)
    }


def left_to_undo(artifact: Artifact, entries: Sequence[Entry]) -> list[str]:
    """Those that are neither."""
    done = over(artifact, entries)
    return [visit for visit in to_undo(artifact, entries) if visit not in done]


def expected_undone(story: Story, entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Every visit that a compensation comes to, in its order, and what becomes of that."""
    return [
        (visit, "FAILED" if _doomed_undo(story, visit.split("#")[0].split("[")[0]) else "DONE")
        for visit in to_undo(story.artifact, entries)
    ]


def _doomed_undo(story: Story, alias: str) -> bool:
    placement = story.artifact.placements[story.artifact.index_of[alias]]
    assert placement.compensate is not None
    behaviour = story.behaviour(placement.compensate.node)
    charged = behaviour.stumbles + behaviour.crashes
    return behaviour.fate != "fine" or charged >= placement.retry.max_attempts


def _expected_unary(story: Story, payload: bytes) -> Outcome:
    outputs: dict[str, bytes] = {}
    reached_and_doomed: set[str] = set()
    for alias, sources in _in_order(story):
        if any(source not in outputs for source in sources):
            continue
        merged = b"".join(outputs[source] for source in sources) if sources else payload
        told = story.behaviour(alias).told
        merged = merged if told is None else told
        if doomed(story, alias):
            reached_and_doomed.add(alias)
        else:
            outputs[alias] = answer(alias, merged, pad=story.behaviour(alias).pad)
    return Outcome(frozenset(reached_and_doomed), outputs if not reached_and_doomed else {})


def _expected_pipeline(story: Story, payload: bytes, seen: Seen) -> Outcome:
    frames: dict[str, list[bytes]] = {}
    failing: set[str] = set()
    for alias, sources in _in_order(story):
        arms = [frames[source] for source in sources]
        behaviour = story.behaviour(alias)
        placement = story.artifact.index_of[alias]
        if story.artifact.is_xor_gate(placement):
            streams = story.artifact.placements[placement].kind == "pipeline"
            frames_each = behaviour.fan if streams else 1
            inputs = _order_taken(alias, arms, seen.get(alias, ()), frames_each, behaviour.pad)
        else:
            inputs = [b"".join(row) for row in zip(*arms, strict=False)] if arms else [payload]
        if doomed(story, alias):
            failing.add(alias)
        if story.artifact.placements[placement].kind == "pipeline":
            frames[alias] = [
                answer(alias, item, number, behaviour.pad)
                for item in inputs
                for number in range(behaviour.fan)
            ] + [answer(alias, b"rest", number, behaviour.pad) for number in range(behaviour.rest)]
        else:
            frames[alias] = [answer(alias, item, pad=behaviour.pad) for item in inputs]
    return Outcome(frozenset(failing), frames=frames)


def _order_taken(
    alias: str, arms: Sequence[Sequence[bytes]], seen: Sequence[bytes], frames_each: int, pad: int
) -> list[bytes]:
    """The arms' frames in an order that explains what a gate emitted, if there is one.

    What it had not come to yet follows arm by arm.
    """
    left = [deque(arm) for arm in arms]
    taken: list[bytes] = []
    for frame in seen[::frames_each] if frames_each else ():
        arm = next((arm for arm in left if arm and answer(alias, arm[0], 0, pad) == frame), None)
        if arm is None:
            break
        taken.append(arm.popleft())
    return taken + [item for arm in left for item in arm]


def _in_order(story: Story) -> list[tuple[str, list[str]]]:
    """Each alias with its sources in edge order, sources first."""
    artifact = story.artifact
    names = [placement.alias for placement in artifact.placements]
    wanted = {name: [] for name in names}
    for edge in artifact.edges:
        wanted[names[edge.destination]].append(names[edge.source])
    done: list[tuple[str, list[str]]] = []
    while len(done) < len(names):
        known = {alias for alias, _ in done}
        done += [(n, s) for n, s in wanted.items() if n not in known and known.issuperset(s)]
    return done
