"""What webhooks are sent, as JSON: made from the store for each attempt, the same each time."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from axiomd.api import answers
from axiomd.api.box import Box
from axiomd.api.results import finished_view
from axiomd.api.shapes import ExecutionView
from axiomd.api.views import execution_view, moment
from axiomd.clock import rfc3339
from axiomd.engine.webhooks import WriteBody
from axiomd.execution.deliveries import ENDED, Delivery
from axiomd.execution.execution import Execution
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import visit_text
from axiomd.flow.large_json import Leaf

Json = dict[str, Any]
_ASKING = (EntryKind.PAUSE_OPENED, EntryKind.NODE_IN_DOUBT)


class WebhookBodies:
    """Makes the bodies, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def make(self, delivery: Delivery, execution: Execution) -> WriteBody:
        """What writes the body of a delivery."""
        leaves: list[Leaf] = []
        if delivery.kind == ENDED:
            view: Any = await finished_view(self._box, execution, leaves)
        else:
            view = {
                "type": delivery.kind,
                "timestamp": rfc3339(delivery.created_ns),
                "data": self._notification(delivery, execution),
            }
        if leaves:
            return lambda: self._box.written(view, leaves)
        whole = answers.dump(view)

        async def write() -> AsyncGenerator[bytes, None]:
            yield whole

        return write

    def _notification(self, delivery: Delivery, execution: Execution) -> Json | ExecutionView:
        (entry,) = self._box.reader.journal(execution.execution_id, delivery.seq, 1)
        if entry.kind not in _ASKING:
            return execution_view(execution)
        artifact = self._box.loaded(execution).artifact
        assert entry.position is not None
        detail: Json = json.loads(entry.detail)
        asked: Json = {
            "execution_id": execution.execution_id,
            "flow": execution.flow,
            "graph_id": execution.graph_id,
            "parent_id": execution.parent_id or None,
            "placement": artifact.placements[entry.position.placement].alias,
            "position": visit_text(artifact, entry.position),
        }
        if entry.kind is EntryKind.NODE_IN_DOUBT:
            return asked | {"reason": detail["reason"]}
        return asked | {
            "pause_id": detail["pause_id"],
            "opened_at": rfc3339(entry.at_ns),
            "expires_at": moment(entry.due_ns),
            "payload": detail["payload"],
        }
