"""One supervised worker slot: it survives whatever happens to the attempt in it.

A slot's last duty is that no execution stays claimed by nobody. An attempt that ends without
having ended its execution is written back as lost, with a pause that grows, and after too many
losses without progress the execution fails: never a hot loop, never silence.
"""

from collections.abc import Callable, Mapping
from functools import partial

import trio

from axiomd.engine.attempt import Attempt, Body, Work
from axiomd.engine.backoff import Backoff
from axiomd.engine.compensation import can_undo, run_undoing
from axiomd.engine.parts import Parts, log
from axiomd.engine.pipeline import run_pipeline
from axiomd.engine.unary import run_unary
from axiomd.errors import Fenced, StoreFailed, StoreFull, WrongState
from axiomd.execution.execution import Ending, Execution
from axiomd.execution.status import Residence
from axiomd.limits import LOSSES_MAX
from axiomd.store import commit as commits

_BODIES: Mapping[Work, Body] = {
    "unary": run_unary,
    "pipeline": run_pipeline,
    "undoing": run_undoing,
}

_PAUSE_S = 0.05
_PAUSE_S_MAX = 5.0
_FULL_PAUSE_S = 1.0


async def work(parts: Parts, attempt: Attempt) -> bool:
    """Run an attempt to its end and, if that leaves the execution claimed, give it back.

    Returns whether the execution may be waiting for a worker again.
    """
    try:
        await attempt.run(_BODIES)
    except StoreFull as trouble:
        log.warning("store_full", **attempt.named, error=str(trouble))
        # Nobody's fault, so it is not counted as a loss; but no attempt runs hot meanwhile.
        await trio.sleep(_FULL_PAUSE_S)
        await give_back(parts, attempt, "the store was full", counted=False)
    except WrongState as refusal:
        await settle(parts, attempt, partial(full_journal, parts, refusal.message))
    except Exception as failure:  # noqa: BLE001 - the slot outlives any attempt
        if parts.writer.failed is not None:
            # The process is about to end; the next start recovers.
            return False
        log.exception("attempt_failed", **attempt.named)
        await give_back(parts, attempt, f"worker: {failure!r}")
    else:
        # What was parked may have woken while this slot was still busy with it, and what is to be
        # undone is queued.
        return attempt.parked or attempt.fence == commits.NO_FENCE
    return True


async def give_back(parts: Parts, attempt: Attempt, reason: str, *, counted: bool = True) -> None:
    """Requeue an execution whose attempt is over; waits while the store takes nothing.

    counted: whether this is a loss, of which there may only be so many.
    """

    def follow(execution: Execution) -> commits.ExecutionCommit:
        return loss(parts, execution, reason, counted=counted)

    await settle(parts, attempt, follow)


async def settle(
    parts: Parts, attempt: Attempt, follow: Callable[[Execution], commits.ExecutionCommit]
) -> None:
    """Write what follows from an attempt that left its execution claimed.

    Pauses first, the longer the more attempts were lost, so that nothing ever runs hot.
    """
    if attempt.fence == commits.NO_FENCE:
        # Never claimed: it is still queued, and comes round again after the pause.
        await trio.sleep(_PAUSE_S)
        return
    execution = parts.reader.find_execution(attempt.execution_id)
    first_s = min(_PAUSE_S * 2 ** (execution.losses if execution else 0), _PAUSE_S_MAX)
    backoff = Backoff(first_s, _PAUSE_S_MAX)
    while True:
        await backoff.pause()
        execution = parts.reader.find_execution(attempt.execution_id)
        if (
            execution is None
            or execution.attempt != attempt.fence
            or execution.residence is not Residence.CLAIMED
        ):
            return
        try:
            await parts.writer.submit(follow(execution)).wait()
        except (Fenced, StoreFailed):
            return
        except StoreFull:
            continue
        return


def full_journal(parts: Parts, words: str, execution: Execution) -> commits.ExecutionCommit:
    """The end of an execution whose journal takes no more."""
    return _failed(parts, execution, Ending("JOURNAL_FULL", words))


def loss(
    parts: Parts, execution: Execution, reason: str, *, counted: bool = True
) -> commits.ExecutionCommit:
    """What becomes of a claimed execution whose attempt is gone."""
    if not counted or execution.losses + 1 < LOSSES_MAX:
        identity, now_ns = execution.execution_id, parts.clock.now_ns()
        return commits.requeue(identity, execution.attempt, now_ns, reason, counted=counted)
    words = f"lost {LOSSES_MAX} workers in a row without progress, the last time: {reason}"
    return _failed(parts, execution, Ending("LOST", words))


def _failed(parts: Parts, execution: Execution, ending: Ending) -> commits.ExecutionCommit:
    """The end of an execution that no attempt comes to; what it has done is undone first.

    Undoing that is lost, or full, itself is not begun again.
    """
    undoes = not execution.undoing and can_undo(parts, execution, None)
    end = commits.undo_failed if undoes else commits.failed
    return end(execution.execution_id, execution.attempt, parts.clock.now_ns(), ending)
