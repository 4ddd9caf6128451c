"""How an execution ended, as whoever waited for it is told: by the answer, or by a webhook."""

from axiomd.api.box import Box
from axiomd.api.compensations import compensation_of
from axiomd.api.shapes import InvokedView
from axiomd.api.views import result_view
from axiomd.execution.execution import Execution
from axiomd.execution.status import Status
from axiomd.flow.large_json import Leaf


async def finished_view(box: Box, ended: Execution, leaves: list[Leaf]) -> InvokedView:
    """The answer to a `wait` that came to the end. The frames of a pipeline are only counted.

    leaves: takes what is too large in the output to be held.
    """
    done = ended.status is Status.COMPLETED
    output = await box.output(ended, leaves) if done else None
    compensation = await compensation_of(box, ended)
    result = result_view(ended, output, compensation)
    if ended.mode == "pipeline":
        terminal = box.loaded(ended).artifact.terminal
        result["frames"] = box.reader.frame_count(ended.execution_id, terminal)
    return {"accepted": True, "execution_id": ended.execution_id, "result": result}
