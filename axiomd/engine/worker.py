"""One supervised worker slot: it survives whatever happens to the attempt in it.

A slot's last duty is that no execution stays claimed by nobody. An attempt that ends without
having ended its execution is written back as lost, with a pause that grows, and after too many
losses without progress the execution fails: never a hot loop, never silence.
"""

from collections.abc import Mapping

import trio

from axiomd.engine.attempt import Attempt, Body
from axiomd.engine.parts import Parts, log
from axiomd.engine.pipeline import run_pipeline
from axiomd.engine.unary import run_unary
from axiomd.errors import Fenced, StoreFailed, StoreFull
from axiomd.execution.execution import Ending, Execution
from axiomd.flow.artifact import Mode
from axiomd.limits import LOSSES_MAX
from axiomd.store import commit as commits

_BODIES: Mapping[Mode, Body] = {"unary": run_unary, "pipeline": run_pipeline}

_PAUSE_S = 0.05
_PAUSE_S_MAX = 5.0


async def work(parts: Parts, attempt: Attempt) -> None:
    """Run an attempt to its end and, if that leaves the execution claimed, give it back."""
    try:
        await attempt.run(_BODIES)
    except StoreFailed:
        # The process is about to end; the next start recovers.
        return
    except StoreFull as trouble:
        log.warning("store_full", execution_id=attempt.execution_id, error=str(trouble))
        await give_back(parts, attempt.execution_id, attempt.fence, "the store was full")
    except Exception as failure:  # noqa: BLE001 - the slot outlives any attempt
        log.exception("attempt_failed", execution_id=attempt.execution_id)
        await give_back(parts, attempt.execution_id, attempt.fence, f"worker: {failure!r}")


async def give_back(parts: Parts, execution_id: str, fence: int, reason: str) -> None:
    """Requeue an execution whose attempt is over; waits while the store takes nothing."""
    if fence == commits.NO_FENCE:
        return
    pause_s = _PAUSE_S
    while True:
        await trio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_S_MAX)
        execution = parts.reader.find_execution(execution_id)
        if execution is None or execution.attempt != fence or execution.status.ended:
            return
        try:
            await parts.writer.submit(loss(execution, parts.clock.now_ns(), reason)).wait()
        except Fenced:
            return
        except StoreFull:
            continue
        return


def loss(execution: Execution, at_ns: int, reason: str) -> commits.ExecutionCommit:
    """What becomes of a claimed execution whose attempt is gone."""
    identity, fence = execution.execution_id, execution.attempt
    if execution.losses + 1 < LOSSES_MAX:
        return commits.requeue(identity, fence, at_ns, reason)
    words = f"lost {LOSSES_MAX} workers in a row without progress, the last time: {reason}"
    return commits.failed(identity, fence, at_ns, Ending("LOST", words))
