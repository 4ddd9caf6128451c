"""How a compensation moves: one step after the other, each checkpointed like any node.

An attempt at an execution that undoes what it has done goes on at the first step that is not over.
A step whose next call has its time parks the execution, so that a back-off holds no slot.
"""

import trio

from axiomd.engine.attempt import PAUSE_S, PAUSE_S_MAX, Attempt
from axiomd.engine.backoff import Backoff
from axiomd.engine.calls import make_call
from axiomd.engine.parts import Parts
from axiomd.execution.call import ContentParts, Outcome, Output
from axiomd.execution.compensation import (
    after_bad_input,
    after_trouble,
    after_undone,
    end,
    resume,
    undoer,
)
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.plan import Decision, park
from axiomd.execution.position import position_text
from axiomd.execution.status import Trigger
from axiomd.execution.trace_context import undoing_text
from axiomd.execution.undoing import UndoStep, is_undoable
from axiomd.flow.rules import EdgeFault


async def run_undoing(attempt: Attempt) -> None:
    """Make the steps that are not over, then end the execution; or park it until a step's time."""
    undoing, clock = attempt.history.undoing, attempt.parts.clock
    assert undoing is not None
    await attempt.commit(resume(clock.now_ns()))
    while (step := undoing.next_step) is not None:
        await _undo(attempt, step)
    await attempt.commit(end(undoing, clock.now_ns()))


async def _undo(attempt: Attempt, step: UndoStep) -> None:
    backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
    while step.status == "PENDING":
        now_ns = attempt.parts.clock.now_ns()
        if step.due_ns > now_ns:
            await attempt.commit(park(Trigger.SLEEP, step.due_ns, now_ns))
        decision = await _decide(attempt, step)
        await attempt.commit(decision)
        if decision.entries[0].kind is EntryKind.COMPENSATION_LOST:
            # Taken away: once more, but never hot.
            await backoff.pause()


async def _decide(attempt: Attempt, step: UndoStep) -> Decision:
    """What follows from one call."""
    clock, placement = attempt.parts.clock, attempt.artifact.placements[step.position.placement]
    try:
        payload = await _input_of(attempt, step)
    except EdgeFault as fault:
        return after_bad_input(step, fault.message, clock.now_ns())
    outcome = await _call(attempt, step, payload)
    if isinstance(outcome, Output):
        return after_undone(step, await attempt.keep(outcome.payload), clock.now_ns())
    return after_trouble(placement, step, outcome, clock.now_ns(), attempt.parts.chance())


async def _input_of(attempt: Attempt, step: UndoStep) -> bytes | ContentParts:
    """The output of the visit, or what the adapter makes of it. Raises EdgeFault."""
    placement, visit = attempt.artifact.placements[step.position.placement], step.visit
    assert placement.compensate is not None
    assert visit is not None
    if placement.compensate.fields is None:
        return await attempt.input_of((visit.output,))
    # Evaluated for each call, and never recorded: what it is made of cannot change any more.
    given, returned = await attempt.read(visit.inputs), await attempt.read((visit.output,))
    return attempt.routing.rules.compensation(step.position.placement, given, returned)


async def _call(attempt: Attempt, step: UndoStep, payload: bytes | ContentParts) -> Outcome:
    position, number = step.position, step.calls + 1
    kind = EntryKind.COMPENSATION_STARTED
    attempt.note(Entry(kind, attempt.parts.clock.now_ns(), position, number))
    placement = undoer(attempt.artifact.placements[position.placement])
    text = position_text(position, placement.alias)
    call = make_call(
        attempt.artifact,
        placement,
        payload,
        execution_id=attempt.execution_id,
        position=text,
        attempt=number,
        effect=f"{text}/compensation",
        terms=attempt.execution.terms,
        span_of=undoing_text(text),
    )
    try:
        return await attempt.runner(position).run(call, attempt.emitter(position, number))
    except trio.Cancelled:
        attempt.note_stopped(position, number)
        raise


def can_undo(parts: Parts, execution: Execution, attempt: Attempt | None) -> bool:
    """Whether anything of an execution is there to be compensated, or is being so already.

    Of one that is at work its attempt knows, submitted checkpoints included: what is submitted
    after the answer, in the same breath, is judged behind those. Others cannot complete anything.
    """
    artifact = parts.artifact(execution.tenant, execution.graph_id)
    if not artifact.compensates:
        return False
    history = attempt.known_history if attempt is not None else None
    if history is not None:
        return history.undoing is not None or bool(history.undoable)
    entries = parts.reader.journal(execution.execution_id)
    return execution.undoing or any(is_undoable(artifact, entry) for entry in entries)
