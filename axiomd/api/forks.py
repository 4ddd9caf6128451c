"""Routes that begin new executions with what others have done."""

from collections.abc import Iterator
from typing import Any

import attrs
from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import find_execution, request_body, request_query
from axiomd.api.wire import read_body
from axiomd.engine.catalog import LoadedArtifact
from axiomd.engine.forks import Onto
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.execution.execution import Execution
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position, parse_position
from axiomd.flow.artifact import Artifact
from axiomd.flow.compatibility import edge_problems
from axiomd.ids import ARTIFACT_ID
from axiomd.strict import unknown

_SEQ_MAX = 2**31


@attrs.frozen
class ForkBody:
    """POST /invocations/v1/executions/{id}/fork; `from` is `checkpoint` here."""

    checkpoint: object
    output: object = None
    graph_id: str | None = None


def forks_routes(box: Box) -> Blueprint:
    """Fork and retry."""
    routes = Blueprint("forks", __name__, url_prefix="/invocations/v1/executions")
    forking = _Forking(box)
    routes.post("/<execution_id>/fork")(forking.fork)
    routes.post("/<execution_id>/retry")(forking.retry)
    return routes


class _Forking:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def fork(self, execution_id: str) -> tuple[dict[str, Any], int]:
        """Begin a new execution behind a checkpoint."""
        request_query().check()
        source = find_execution(self._box, execution_id)
        body = read_fork(await request_body())
        loaded = self._box.loaded(source)
        at = self._checkpoint(source, loaded.artifact, body.checkpoint)
        onto = None if body.graph_id is None else self._onto(loaded, body.graph_id)
        output = None
        if body.output is not None:
            output = self._output_type(loaded, onto, at).parse_json(body.output, root="output")
        fork_id = await self._box.engine.fork(g.tenant, execution_id, at, output, onto)
        return _accepted(fork_id, execution_id), 202

    async def retry(self, execution_id: str) -> tuple[dict[str, Any], int]:
        """Begin a new execution that runs again what has failed."""
        request_query().check()
        find_execution(self._box, execution_id)
        fork_id = await self._box.engine.retry(g.tenant, execution_id)
        return _accepted(fork_id, execution_id), 202
