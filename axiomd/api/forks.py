"""Routes that begin new executions with what others have done."""

from collections.abc import Iterator

import attrs
from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.debug import SessionBody, read_session
from axiomd.api.executions import find_execution, request_body, take_no_query
from axiomd.api.shapes import ForkedView
from axiomd.api.webhook_wire import read_target
from axiomd.api.wire import WebhookBody, read_body
from axiomd.engine.catalog import LoadedArtifact
from axiomd.engine.forks import Onto
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.execution.execution import Execution
from axiomd.execution.fork import Wire
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import Position, parse_position, visit_text
from axiomd.flow.artifact import Artifact
from axiomd.flow.compatibility import edge_problems
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import JOURNAL_ENTRIES_MAX
from axiomd.strict import unknown

_NO_CHECKPOINT = "There is no such checkpoint."


@attrs.frozen
class ForkBody:
    """Where a fork begins, and what is different in it."""

    checkpoint: object = attrs.field(
        metadata={"key": "from", "schema": {"type": ["string", "integer"]}}
    )
    """The position of a completed visit, or the seq of its checkpoint."""
    output: object = None
    """What that visit returns in the fork."""
    graph_id: str | None = None
    """The artifact that the fork runs, if it is another one."""
    debug: SessionBody | None = None
    """The debug session that the fork is in."""
    webhook: WebhookBody | None = None
    """Who is told of its end."""


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

    async def fork(self, execution_id: str) -> tuple[ForkedView, int]:
        """Begin a new execution behind a checkpoint."""
        take_no_query()
        source = find_execution(self._box, execution_id)
        body = read_body(await request_body(), ForkBody)
        loaded = self._box.loaded(source)
        at = self._position(source, loaded.artifact, body.checkpoint)
        target = loaded if body.graph_id is None else self._target(body.graph_id)
        output = None
        if body.output is not None:
            alias = loaded.artifact.placements[at.placement].alias
            index = target.artifact.index_of.get(alias)
            if index is None:
                words = unknown("placement", alias, target.artifact.index_of)
                raise Invalid("The artifact does not fit.", problems=[Problem("graph_id", words)])
            output = target.outputs[index].parse_json(body.output, root="output")
        onto = None if target is loaded else Onto(target.artifact, _wire(loaded, target))
        debug = None
        if body.debug is not None:
            asked = body.debug
            debug = read_session(target.artifact, asked.paused, asked.breakpoints, "debug.")
        webhook = read_target(self._box, body.webhook)
        fork_id = await self._box.engine.fork(
            g.tenant, execution_id, at, output, onto, debug, webhook
        )
        return _accepted(fork_id, execution_id), 202

    async def retry(self, execution_id: str) -> tuple[ForkedView, int]:
        """Begin a new execution that runs again what has failed."""
        take_no_query()
        find_execution(self._box, execution_id)
        fork_id = await self._box.engine.retry(g.tenant, execution_id)
        return _accepted(fork_id, execution_id), 202

    def _target(self, graph_id: str) -> LoadedArtifact:
        if not ARTIFACT_ID.fullmatch(graph_id):
            raise NotFound(f"There is no artifact {graph_id[:26]!r}.")
        return self._box.catalog.load(g.tenant, graph_id)

    def _position(self, source: Execution, artifact: Artifact, given: object) -> Position:
        """The visit that `from` names; Invalid if it cannot be one."""
        if isinstance(given, int) and not isinstance(given, bool):
            return self._position_at(source, artifact, given)
        if not isinstance(given, str):
            words = "must be the position of a checkpoint, or its seq"
            raise Invalid(_NO_CHECKPOINT, problems=[Problem("from", words)])
        try:
            alias, iteration, items = parse_position(given)
        except ValueError as failure:
            raise Invalid(_NO_CHECKPOINT, problems=[Problem("from", str(failure))]) from None
        if alias not in artifact.index_of:
            words = unknown("placement", alias, artifact.index_of)
            raise Invalid(_NO_CHECKPOINT, problems=[Problem("from", words)])
        return Position(artifact.index_of[alias], iteration, items)

    def _position_at(self, source: Execution, artifact: Artifact, seq: int) -> Position:
        known = 0 <= seq < JOURNAL_ENTRIES_MAX
        entries = self._box.reader.journal(source.execution_id, seq, 1) if known else []
        if not entries or entries[0].seq != seq:
            words = f"there is no event {seq}; the last one is {source.entries - 1}"
            raise Invalid(_NO_CHECKPOINT, problems=[Problem("from", words)])
        (entry,) = entries
        if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
            return entry.position
        words = f"event {seq} is {entry.kind.wire}, not node_completed"
        if entry.position is not None:
            words = f"{words}, of {visit_text(artifact, entry.position)}"
        raise Invalid(_NO_CHECKPOINT, problems=[Problem("from", words)])


def _wire(old: LoadedArtifact, new: LoadedArtifact) -> Wire:
    def problems(before: int, after: int) -> Iterator[str]:
        sides = (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs))
        for word, had, has in sides:
            said = edge_problems(had[before].descriptor, has[after].descriptor)
            yield from (f"{word}: {words}" for words in said)

    return problems


def _accepted(fork_id: str, source_id: str) -> ForkedView:
    return {"accepted": True, "execution_id": fork_id, "forked_from": source_id}
