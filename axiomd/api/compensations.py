"""Compensations as JSON: what was and was not undone, derived from the journal on every read."""

from axiomd.api.box import Box
from axiomd.api.shapes import CompensationView, UndoStepView
from axiomd.api.views import error_sentence, moment
from axiomd.execution.execution import Execution
from axiomd.execution.history import History
from axiomd.execution.position import position_text
from axiomd.execution.undoing import Undoing, UndoStep
from axiomd.flow.artifact import Artifact


async def compensation_of(box: Box, execution: Execution) -> CompensationView | None:
    """The report of a compensation; null if the execution has begun none."""
    if not execution.undoing:
        return None
    view: CompensationView = await box.engine.parts.run_blocking(_read, box, execution)
    return view


def _read(box: Box, execution: Execution) -> CompensationView:
    artifact = box.loaded(execution).artifact
    entries = box.reader.whole_journal(execution.execution_id)
    undoing = History.fold(artifact, entries).undoing
    assert undoing is not None
    return compensation_view(artifact, execution, undoing)


def compensation_view(
    artifact: Artifact, execution: Execution, undoing: Undoing
) -> CompensationView:
    """Why it undoes, and each step in the order in which they are made."""
    # What is not done when all is over never will be.
    pending = "NOT_DONE" if execution.status.ended else "PENDING"
    return {
        "reason": error_sentence(undoing.ending),
        "steps": [_step_view(artifact, step, pending) for step in undoing.steps.values()],
    }


def _step_view(artifact: Artifact, step: UndoStep, pending: str) -> UndoStepView:
    placement = artifact.placements[step.position.placement]
    assert placement.compensate is not None
    return {
        "position": position_text(step.position, placement.alias),
        "placement": placement.alias,
        "node": placement.compensate.node,
        "status": pending if step.status == "PENDING" else step.status,
        "attempts": step.calls,
        "at": moment(step.at_ns),
        "message": step.message or None,
    }
