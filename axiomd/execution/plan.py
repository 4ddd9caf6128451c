"""What is next: the heart of the engine, without I/O, without a clock, without concurrency.

`after_output`, `after_stream`, `after_failure`, `after_loss` and `after_doubt` say what follows
from the end of a call, and `rest` from there being none: the entries of the commit that records
it, and what happens to the execution. A decision
is made once, here, and recorded; resuming folds it and never makes it again. Which visits a
decision makes due follows from its entries alone (`History.take_due`), after a restart as well.

Decisions of parallel branches are made in the order in which their commits are submitted, each
over a history that has every earlier decision applied: that is why two arms that arrive together
cannot both believe that the other one will open the gate.
"""

import json
from collections.abc import Sequence

import attrs

from axiomd.clock import NS_PER_S, rfc3339
from axiomd.execution.call import Crashed, Failure, Lost, Outcome, describe_end
from axiomd.execution.execution import Ending, Execution, OpenPause
from axiomd.execution.gathering import Place
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position, visit_text
from axiomd.execution.retry import next_pause_s
from axiomd.execution.spread import Spread, Turn
from axiomd.execution.status import Trigger
from axiomd.flow.artifact import Artifact, Retry
from axiomd.limits import EVENT_TEXT_BYTES_MAX, LOSSES_MAX

NEVER_NS = 2**62
"""When a parked execution wakes that has no time of its own: what it waits for wakes it."""


@attrs.frozen
class Child:
    """An execution that begins as the child of another one."""

    execution: Execution
    payload: Payload
    """Its input."""


@attrs.frozen
class Decision:
    """What follows from the end of a node call."""

    entries: tuple[Entry, ...]
    """For the journal, in order, in one commit."""
    trigger: Trigger | None = None
    """What happens to the execution, if anything."""
    failure: Ending | None = None
    """Why, if the trigger is FAIL."""
    wake_ns: int = 0
    """When it goes on by itself, if it is parked until a time."""
    doubted: str = ""
    """The visit, as text, that a person has to settle from now on."""
    opened: OpenPause | None = None
    """The visit that a person has to answer for from now on."""
    dropped: tuple[str, ...] = ()
    """Visits, as text, about which nobody is asked any more."""
    ended_at: tuple[str, ...] = ()
    """Aliases at which its branches ended, if it completes without its terminal."""
    child: Child | None = None
    """The child execution that begins for a visit."""
    awaits: tuple[str, ...] = ()
    """The children that it waits for, if it is parked."""


def after_output(
    artifact: Artifact,
    history: History,
    position: Position,
    payload: Payload,
    at_ns: int,
    turns: Sequence[Turn] | None = None,
) -> Decision:
    """A unary node visit returned `payload`.

    turns: what each of its outgoing edges does with that; None if they all just pass it on.
    """
    if turns is None:
        turns = [Turn(edge) for edge in artifact.outgoing[position.placement]]
    back = [turn for turn in turns if artifact.edges[turn.edge].loop and turn.fires]
    for turn in back:
        if _has_iterations_left(artifact, history, position, turn.edge):
            return _go_on(artifact, history, position, payload, [turn], [], at_ns)
        if artifact.edges[turn.edge].condition:
            return after_fault(history, position, payload, _limit(artifact, turn), at_ns)
    forward = [turn for turn in turns if not artifact.edges[turn.edge].loop]
    taken = [turn for turn in forward if turn.fires]
    left = [turn.edge for turn in forward if not turn.fires]
    left += artifact.rescues[position.placement]
    return _go_on(artifact, history, position, payload, taken, left, at_ns)


def spent_loops(artifact: Artifact, history: History, position: Position) -> frozenset[int]:
    """The loops out of a visit that have no iterations left."""
    return frozenset(
        edge
        for edge in artifact.outgoing[position.placement]
        if artifact.edges[edge].loop and not _has_iterations_left(artifact, history, position, edge)
    )


def _has_iterations_left(
    artifact: Artifact, history: History, position: Position, loop: int
) -> bool:
    # The first iteration was no round of the loop, and the next one is one more.
    iteration = history.rounds.get((loop, position.items), 0) + 2
    return iteration <= artifact.edges[loop].max_iterations


def _limit(artifact: Artifact, turn: Turn) -> Ending:
    edge = artifact.edges[turn.edge]
    said = f"its condition still holds after {edge.max_iterations} iterations"
    source = artifact.placements[edge.source].alias
    return Ending("LOOP_LIMIT", said, source, edge=edge_text(artifact, turn.edge))


def edge_text(artifact: Artifact, edge: int) -> str:
    """An edge by its ends: `a → b`."""
    ends = artifact.edges[edge]
    source, destination = artifact.placements[ends.source], artifact.placements[ends.destination]
    return f"{source.alias} → {destination.alias}"


def _go_on(
    artifact: Artifact,
    history: History,
    position: Position,
    payload: Payload,
    taken: Sequence[Turn],
    left: Sequence[int],
    at_ns: int,
) -> Decision:
    """The visit has completed; these edges are taken, and those are not."""
    completed = _checkpoint(history, position, payload, at_ns, tuple(t.edge for t in taken))
    if position.placement == artifact.terminal and not taken:
        return Decision((completed, Entry(EntryKind.EXECUTION_COMPLETED, at_ns)), Trigger.COMPLETE)
    spread = Spread(artifact, history, at_ns)
    for turn in taken:
        spread.take(position, turn)
    spread.close(left, position.items)
    ended = () if taken else (position.placement,)
    decision = _spread(artifact, history, position, [completed], spread, at_ns, ended)
    return attrs.evolve(decision, dropped=_dropped(artifact, history, position, taken))


def _dropped(
    artifact: Artifact, history: History, position: Position, taken: Sequence[Turn]
) -> tuple[str, ...]:
    """Visits of the round before, of which a person was asked something."""
    return tuple(
        visit_text(artifact, left)
        for turn in taken
        if artifact.edges[turn.edge].loop
        for left in history.left_behind(turn.edge, position.items)
        if left in history.pauses or left in history.doubts
    )


def _checkpoint(
    history: History, position: Position, payload: Payload, at_ns: int, edges: tuple[int, ...] = ()
) -> Entry:
    return Entry(
        EntryKind.NODE_COMPLETED,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        edges=edges,
        payload=payload,
    )


def _spread(
    artifact: Artifact,
    history: History,
    position: Position,
    first: list[Entry],
    spread: Spread,
    at_ns: int,
    ended: tuple[int, ...] = (),
) -> Decision:
    """What the end of a visit comes to; the end of the execution, if nothing is left to be done."""
    entries = [*first, *spread.entries]
    if spread.leaves_work(position):
        return Decision(tuple(entries))
    ends = (*history.ended, *ended, *spread.ended)
    aliases = dict.fromkeys(artifact.placements[p].alias for p in ends)
    detail = json.dumps({"ended_at": list(aliases)})
    entries.append(Entry(EntryKind.EXECUTION_COMPLETED, at_ns, detail=detail))
    return Decision(tuple(entries), Trigger.COMPLETE, ended_at=tuple(aliases))


def after_fault(
    history: History, position: Position, payload: Payload | None, ending: Ending, at_ns: int
) -> Decision:
    """An expression has failed, and with it the execution.

    payload: what the visit has returned, if it has: its checkpoint stays.
    """
    last = failed_entry(ending, at_ns)
    entries = (last,) if payload is None else (_checkpoint(history, position, payload, at_ns), last)
    return Decision(entries, Trigger.FAIL, ending)


def after_compose(position: Position, payload: Payload, at_ns: int) -> Decision:
    """The input of a gate's visit has been composed."""
    return Decision((Entry(EntryKind.GATE_COMPOSED, at_ns, position, payload=payload),))


def after_wait(artifact: Artifact, history: History, gate: Place, at_ns: int) -> Decision:
    """A gate has waited long enough for the arms that have not come."""
    spread = Spread(artifact, history, at_ns)
    join = artifact.placements[gate[0]].join
    if join.timeout_policy == "PROCEED":
        spread.open_gate(gate)
    else:
        tally = history.gates[gate].tally
        said = f"{tally.arrived} of its arms came within {join.timeout_s:g} s"
        spread.break_gate(gate, "GATE_TIMEOUT", said)
    return Decision(tuple(spread.entries))


def after_stream(
    artifact: Artifact, history: History, position: Position, frames: int, at_ns: int
) -> Decision:
    """A placement of a pipeline has emitted its last frame, `frames` in all."""
    edges = artifact.outgoing[position.placement]
    completed = Entry(
        EntryKind.NODE_COMPLETED,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        edges=edges,
        frames=frames,
    )
    taken = [Entry(EntryKind.EDGE_TAKEN, at_ns, position, edge=edge) for edge in edges]
    return _finished(artifact, position, [completed, *taken], at_ns)


def after_failure(
    artifact: Artifact,
    history: History,
    position: Position,
    failure: Failure | Crashed,
    at_ns: int,
    chance: float = 0.0,
    frames: int = 0,
    turns: Sequence[Turn] = (),
) -> Decision:
    """A call of a node visit failed, which is charged to it: it is tried again, or that was all.

    chance: from 0 to 1, how much of the policy's jitter is taken. frames: durable frames of the
    visit. turns: what the edges for its failure do, if that was all.
    """
    failure = as_failure(failure)
    entry = _failed_call(history, position, failure, at_ns, frames)
    failures = history.failures_with(entry)
    policy = artifact.placements[position.placement].retry
    broken = position in history.broken
    pause_s = None if broken else next_pause_s(policy, failures, failure, chance)
    if pause_s is not None:
        kind = EntryKind.NODE_RETRY_SCHEDULED
        return Decision((entry, retry_entry(kind, entry, pause_s, failures, policy)))
    return _give_up(artifact, history, entry, failure.kind, failure.message, turns)


def is_last(
    artifact: Artifact, history: History, position: Position, failure: Failure | Crashed | Lost
) -> bool:
    """Whether a visit that ended like this is not called again."""
    if isinstance(failure, Lost):
        return history.lost.get(position, 0) + 1 >= LOSSES_MAX
    failure = as_failure(failure)
    policy = artifact.placements[position.placement].retry
    failures = history.failures.get(position, 0) + 1
    return position in history.broken or next_pause_s(policy, failures, failure, 0.0) is None


def _give_up(
    artifact: Artifact,
    history: History,
    entry: Entry,
    kind: str,
    message: str,
    turns: Sequence[Turn],
) -> Decision:
    """A visit has failed for good: an edge catches that, or a gate does without it, or it is the
    end."""
    position = entry.position
    assert position is not None
    forward = [
        edge for edge in artifact.outgoing[position.placement] if not artifact.edges[edge].loop
    ]
    rescues = [turn for turn in turns if turn.fires]
    spread = Spread(artifact, history, entry.at_ns)
    over = attrs.evolve(entry, failed=True)
    if rescues:
        for turn in rescues:
            spread.take(position, turn)
        left = [turn.edge for turn in turns if not turn.fires]
        spread.close([*forward, *left], position.items)
    elif position.placement in artifact.tolerant:
        spread.close([*forward, *artifact.rescues[position.placement]], position.items, failed=True)
    else:
        alias = artifact.placements[position.placement].alias
        ending = Ending(kind, storable(message), alias, attempts=entry.attempt)
        return Decision((entry, failed_entry(ending, entry.at_ns)), Trigger.FAIL, ending)
    return _spread(artifact, history, position, [over], spread, entry.at_ns)


def as_failure(failure: Failure | Crashed) -> Failure:
    """A charged end of a call, a crash as the failure that it is."""
    if isinstance(failure, Failure):
        return failure
    return Failure("NODE_CRASHED", describe_end(failure), classes=(failure.reason,))


def retry_entry(
    kind: EntryKind, failed: Entry, pause_s: float, failures: int, policy: Retry
) -> Entry:
    """When the call comes after the one that `failed` tells of; so many were charged by now."""
    due_ns = failed.at_ns + int(pause_s * NS_PER_S)
    told = {"due_at": rfc3339(due_ns), "failures": failures, "most": policy.max_attempts}
    return Entry(
        kind,
        failed.at_ns,
        failed.position,
        attempt=failed.attempt,
        due_ns=due_ns,
        detail=json.dumps(told),
    )


def failure_detail(kind: str, message: str, traceback: str = "") -> str:
    """JSON of what an entry tells of a failed call."""
    detail = {"kind": kind, "message": storable(message)}
    if traceback:
        detail["traceback"] = traceback[-EVENT_TEXT_BYTES_MAX:]
    return json.dumps(detail)


def _failed_call(
    history: History, position: Position, failure: Failure, at_ns: int, frames: int
) -> Entry:
    return Entry(
        EntryKind.NODE_TIMED_OUT if failure.kind == "TIMEOUT" else EntryKind.NODE_FAILED,
        at_ns,
        position,
        attempt=history.calls.get(position, 0 if position in history.broken else 1),
        frames=frames,
        detail=failure_detail(failure.kind, failure.message, failure.detail),
    )


def after_loss(
    artifact: Artifact,
    history: History,
    position: Position,
    reason: str,
    at_ns: int,
    frames: int = 0,
    turns: Sequence[Turn] = (),
) -> Decision:
    """Infrastructure took a call away: the visit stays due, unless that happened too often.

    A loss is not charged to the node. It is bounded all the same, so that a node that has itself
    killed each time ends the execution instead of going round for ever. frames: durable frames
    of the visit; more of them than at the last end of a call is progress, which starts the count
    again.
    """
    lost = Entry(
        EntryKind.NODE_LOST,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        frames=frames,
        detail=json.dumps({"reason": reason}),
    )
    seen = history.losses_with(lost)
    if seen < LOSSES_MAX:
        return Decision((lost,))
    words = f"the node's process was lost {seen} times, the last time: {reason}"
    return _give_up(artifact, history, lost, "NODE_CRASHED", words, turns)


def after_doubt(
    artifact: Artifact, history: History, position: Position, reason: str, at_ns: int
) -> Decision:
    """A call of a visit that must not run twice ended without an answer: a person has to say."""
    visit = visit_text(artifact, position)
    detail = {"reason": reason, "settle": visit}
    entry = Entry(
        EntryKind.NODE_IN_DOUBT,
        at_ns,
        position,
        attempt=history.calls.get(position, 1),
        detail=json.dumps(detail),
    )
    return Decision((entry,), doubted=visit)


def after_hold(position: Position, at_ns: int) -> Decision:
    """A debug session stops before a visit."""
    return Decision((Entry(EntryKind.DEBUG_HELD, at_ns, position),))


def is_doubtful(artifact: Artifact, position: Position, outcome: Outcome) -> bool:
    """Whether nobody can tell if a node that must run once has done what it does.

    What the node answered is known, a failure of its own included; what was killed, or died, may
    have acted before it did.
    """
    if not artifact.placements[position.placement].once:
        return False
    if isinstance(outcome, Failure):
        return outcome.kind in ("TIMEOUT", "OUT_OF_MEMORY")
    return isinstance(outcome, Crashed | Lost)


def rest(history: History, at_ns: int) -> Decision:
    """Nothing is running, and every pending visit sleeps or waits for somebody."""
    times = [*history.due_ns.values(), *history.deadlines.values()]
    times += [due_ns for due_ns, _ in history.alarms()]
    wake_ns = min(times, default=0)
    if history.session.held:
        trigger = Trigger.HOLD
    elif history.doubts or history.pauses:
        trigger = Trigger.PAUSE
    elif any(gate.tally.arrived and not gate.opened for gate in history.gates.values()):
        trigger = Trigger.WAIT
    else:
        trigger = Trigger.SLEEP
    awaited = history.doubts or history.pauses or history.children or history.session.held
    assert wake_ns or awaited, "an execution that nothing would ever wake"
    parked = park(trigger, wake_ns, at_ns)
    return attrs.evolve(parked, awaits=tuple(history.children.values()))


def park(trigger: Trigger, wake_ns: int, at_ns: int) -> Decision:
    """Nobody works on it until `wake_ns`, or, without a time, until something wakes it."""
    detail = {"wake_at": rfc3339(wake_ns)} if wake_ns else {}
    entry = Entry(EntryKind.EXECUTION_PARKED, at_ns, trigger=trigger, detail=json.dumps(detail))
    return Decision(
        (entry,),
        trigger,
        wake_ns=wake_ns or (NEVER_NS if trigger is Trigger.SLEEP else 0),
    )


def failed_entry(ending: Ending, at_ns: int) -> Entry:
    """The journal's last line of an execution that failed."""
    detail = {"kind": ending.kind, "message": ending.message}
    return Entry(EntryKind.EXECUTION_FAILED, at_ns, detail=json.dumps(detail))


def storable(words: str) -> str:
    """What a node said as a record can hold it: bounded, and Unicode all through."""
    return words.encode(errors="replace")[:EVENT_TEXT_BYTES_MAX].decode(errors="ignore")


def _finished(artifact: Artifact, position: Position, entries: list[Entry], at_ns: int) -> Decision:
    if position.placement != artifact.terminal:
        return Decision(tuple(entries))
    entries.append(Entry(EntryKind.EXECUTION_COMPLETED, at_ns))
    return Decision(tuple(entries), Trigger.COMPLETE)
