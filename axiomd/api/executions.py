"""Routes that show executions and end them."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from quart import Blueprint, Response, g, request

from axiomd.api import answers, sse
from axiomd.api.box import Box
from axiomd.api.branches import branch_views
from axiomd.api.compensations import compensation_of
from axiomd.api.invoke import Beside, accept_stream
from axiomd.api.shapes import (
    BranchView,
    CancelledView,
    CheckpointView,
    EventView,
    InputView,
    KeptFrameView,
    OutputView,
    SettledView,
    ShownExecutionView,
    StoppedView,
)
from axiomd.api.views import (
    checkpoint_view,
    checkpoints_after,
    error_sentence,
    event_view,
    execution_view,
    failure_view,
)
from axiomd.api.wire import LIST_PARAMETERS, Query, read_json, read_list_filter, read_settle
from axiomd.engine.catalog import LoadedArtifact
from axiomd.errors import Invalid, NodeFailed, NotFound, Problem, Unavailable, WrongMode
from axiomd.execution.call import Crashed, Failure, Lost, Output, describe_end
from axiomd.execution.execution import Execution
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import parse_position
from axiomd.execution.status import Status
from axiomd.execution.trace_context import read_origin
from axiomd.flow.large_json import Leaf
from axiomd.ids import EXECUTION_ID
from axiomd.limits import MIB, PAGE_ROWS_MAX, SCAN_ROWS_MAX, STREAM_BATCH_FRAMES_MAX
from axiomd.strict import unknown

KINDS = frozenset(kind.wire for kind in EntryKind)


Answer = dict[str, Any] | Response
_JSON_HEADERS = {"Content-Type": answers.JSON_TYPE}
PAGE_BYTES_MAX = 16 * MIB
"""Bytes of payloads in one page of checkpoints, beyond the first."""


def executions_routes(box: Box) -> Blueprint:
    """Everything below /invocations/v1 but the unary invoke."""
    routes = Blueprint("executions", __name__, url_prefix="/invocations/v1")
    shown = Shown(box)
    routes.post("/flows/invoke/stream")(shown.invoke_stream)
    routes.delete("/flows/<execution_id>")(shown.cancel)
    routes.get("/executions")(shown.list_executions)
    routes.get("/executions/<execution_id>")(shown.execution)
    routes.post("/executions/<execution_id>/settle")(shown.settle)
    routes.get("/executions/<execution_id>/events")(shown.events)
    routes.get("/executions/<execution_id>/checkpoints")(shown.checkpoints)
    routes.get("/executions/<execution_id>/branches")(shown.branches)
    routes.get("/executions/<execution_id>/input")(shown.input)
    routes.get("/executions/<execution_id>/output")(shown.output)
    routes.get("/executions/<execution_id>/frames")(shown.frames)
    routes.get("/executions/<execution_id>/stream")(shown.stream)
    routes.post("/nodes/<handle>/<package>/<version>/<node>")(shown.call_node)
    return routes


class Shown:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def invoke_stream(self) -> Response:
        """Accept a pipeline execution and stream its frames."""
        take_no_query()
        headers = request.headers
        beside = Beside(
            headers.get("Idempotency-Key", ""),
            read_origin(headers.get("traceparent", ""), headers.get("tracestate", "")),
        )
        body = await request_body()
        execution, timeout_s = await accept_stream(self._box, g.tenant, beside, body)
        return sse.answer_events(sse.frame_events(self._box, execution, 0, timeout_s))

    async def stream(self, execution_id: str) -> Response:
        """Go on with a stream of frames."""
        execution = self._find(execution_id)
        if execution.mode != "pipeline":
            raise WrongMode(f"Execution {execution_id} is unary: it has no frames.")
        query = query_of("from", "timeout_seconds")
        timeout = query.number("timeout_seconds", 0, 3600)
        query.check()
        start = sse.read_cursor(
            ("Last-Event-ID", request.headers.get("Last-Event-ID"), 1),
            ("from", query.text("from"), 0),
        )
        return sse.answer_events(sse.frame_events(self._box, execution, start, timeout or None))

    async def cancel(self, execution_id: str) -> tuple[CancelledView, int]:
        """End an execution, or have it undone first; what was stopped is dead when this answers."""
        query = query_of("compensate")
        compensate = query.flag("compensate")
        query.check()
        self._find(execution_id)
        status = Status.CANCELLED
        if compensate:
            engine, by = self._box.engine, g.caller.name
            status, stopped = await engine.compensate(g.tenant, execution_id, by)
        else:
            stopped = await self._box.engine.cancel(g.tenant, execution_id, g.caller.name)
        receipts: list[StoppedView] = [
            {
                "execution_id": s.execution_id,
                "placement": s.placement,
                "attempt": s.attempt,
                "how": s.how,
                "ms": s.ms,
            }
            for s in stopped
        ]
        return {
            "execution_id": execution_id,
            "status": status.value,
            "stopped": receipts,
        }, 202

    async def settle(self, execution_id: str) -> SettledView:
        """Say whether a node visit in doubt has happened."""
        take_no_query()
        execution = self._find(execution_id)
        body = read_settle(await request_body())
        loaded = self._box.loaded(execution)
        output = None
        if body.happened:
            alias, _, _ = parse_position(body.position)
            index = self._placement(loaded, alias)
            output = loaded.outputs[index].parse_json(body.output, root="output")
        detail = {"happened": body.happened, "comment": body.comment}
        await self._box.engine.settle(
            g.tenant, execution_id, body.position, output, json.dumps(detail)
        )
        return {"execution_id": execution_id, "position": body.position, "happened": body.happened}

    async def list_executions(self) -> dict[str, Any]:
        """A page of executions, newest first."""
        wanted, limit, cursor = read_list_filter(query_of(*LIST_PARAMETERS))
        page = self._box.reader.list_executions(g.tenant, wanted, limit, cursor)
        views = [execution_view(execution) for execution in page.executions]
        return {"executions": views, "next_cursor": page.cursor}

    async def execution(self, execution_id: str) -> ShownExecutionView:
        """One execution."""
        take_no_query()
        found = self._find(execution_id)
        compensation = await compensation_of(self._box, found)
        return {**execution_view(found), "compensation": compensation}

    async def events(self, execution_id: str) -> dict[str, Any] | Response:
        """The journal, or with `Accept: text/event-stream` the journal as it grows."""
        execution = self._find(execution_id)
        query = query_of("node", "kind", "after", "limit", "cursor")
        node, kinds = query.text("node"), _kinds(query)
        limit = query.number("limit", PAGE_ROWS_MAX, PAGE_ROWS_MAX, least=1)
        query.check()
        artifact = self._box.loaded(execution).artifact
        if node is not None and node not in artifact.index_of:
            raise Invalid(unknown("node", node, artifact.index_of))
        start = sse.read_cursor(
            ("Last-Event-ID", request.headers.get("Last-Event-ID"), 1),
            ("cursor", query.text("cursor"), 1),
            ("after", query.text("after"), 1),
        )
        if "text/event-stream" in request.headers.get("Accept", ""):
            return sse.answer_events(sse.journal_events(self._box, execution, start, node, kinds))
        wanted = partial(_is_wanted, node, kinds)
        page: dict[str, Any] = await self._box.engine.parts.run_blocking(
            self._event_page, execution, start, limit, wanted
        )
        return page

    def _event_page(
        self,
        execution: Execution,
        start: int,
        limit: int,
        wanted: Callable[[EventView], bool],
    ) -> dict[str, Any]:
        """Views of the events that are wanted, of a bounded number that are looked at."""
        artifact = self._box.loaded(execution).artifact
        entries = self._box.reader.journal(execution.execution_id, start, SCAN_ROWS_MAX)
        views: list[EventView] = []
        seen = start
        for entry in entries:
            view = event_view(artifact, entry)
            seen = entry.seq
            if wanted(view):
                views.append(view)
            if len(views) == limit:
                break
        more = len(entries) == SCAN_ROWS_MAX or bool(entries and seen < entries[-1].seq)
        return {"events": views, "next_cursor": str(seen) if more else None}

    async def checkpoints(self, execution_id: str) -> Answer:
        """What each completed node visit took and returned."""
        execution = self._find(execution_id)
        query = query_of("limit", "cursor")
        limit = query.number("limit", PAGE_ROWS_MAX, PAGE_ROWS_MAX, least=1)
        after = query.number("cursor", 0, 2**31)
        query.check()
        parts = self._box.engine.parts
        leaves: list[Leaf] = []
        page: tuple[list[CheckpointView], bool] = await parts.run_blocking(
            self._checkpoint_page, execution, after, limit, leaves
        )
        views, more = page
        cursor = str(views[-1]["seq"]) if more else None
        view = {"checkpoints": views, "next_cursor": cursor}
        return answer_view(self._box, view, leaves)

    def _checkpoint_page(
        self, execution: Execution, after: int, limit: int, leaves: list[Leaf]
    ) -> tuple[list[CheckpointView], bool]:
        """Views of a page and whether there are more; of the blobs it reads only the page's."""
        loaded = self._box.loaded(execution)
        entries = self._box.reader.whole_journal(execution.execution_id)
        views: list[CheckpointView] = []
        size = 0
        show = partial(self._box.show_now, leaves=leaves)
        for checkpoint in checkpoints_after(loaded.artifact, entries, after):
            size += checkpoint.size
            if views and (len(views) == limit or size > PAGE_BYTES_MAX):
                return views, True
            views.append(checkpoint_view(loaded, checkpoint, show))
        return views, False

    async def branches(self, execution_id: str) -> dict[str, Any]:
        """What has arrived at each gate."""
        execution = self._find(execution_id)
        take_no_query()
        views = await self._box.engine.parts.run_blocking(self._branch_views, execution)
        return {"branches": views, "next_cursor": None}

    def _branch_views(self, execution: Execution) -> list[BranchView]:
        reader, identity = self._box.reader, execution.execution_id
        return branch_views(
            self._box.loaded(execution).artifact,
            execution,
            reader.whole_journal(identity),
            partial(reader.frame_count, identity),
        )

    async def input(self, execution_id: str) -> Answer:
        """What the execution was invoked with: there from its first moment on."""
        execution = self._find(execution_id)
        take_no_query()
        loaded = self._box.loaded(execution)
        (accepted,) = self._box.reader.journal(execution_id, limit=1)
        assert accepted.kind is EntryKind.EXECUTION_ACCEPTED
        assert accepted.payload is not None
        leaves: list[Leaf] = []
        shown: InputView = {
            "execution_id": execution_id,
            "message": loaded.artifact.placements[loaded.artifact.entry].input_type,
            "input": await self._box.show(loaded.entry, [accepted.payload], leaves),
        }
        return answer_view(self._box, shown, leaves)

    async def output(self, execution_id: str) -> Answer:
        """The output, or why there is none."""
        execution = self._find(execution_id)
        take_no_query()
        loaded = self._box.loaded(execution)
        frames = None
        if execution.mode == "pipeline":
            frames = self._box.reader.frame_count(execution_id, loaded.artifact.terminal)
        view, leaves = execution_view(execution), list[Leaf]()
        shown: OutputView = {
            "execution_id": execution_id,
            "status": view["status"],
            "message": loaded.artifact.placements[loaded.artifact.terminal].output_type,
            "output": await self._box.output(execution, leaves)
            if execution.status is Status.COMPLETED
            else None,
            "frames": frames,
            "completed_at": view["completed_at"],
            "error": error_sentence(execution.failure),
            "failure": failure_view(execution.failure),
        }
        return answer_view(self._box, shown, leaves)

    async def frames(self, execution_id: str) -> Answer:
        """Frames that a placement has emitted; the terminal one's unless another is named."""
        execution = self._find(execution_id)
        query = query_of("node", "from", "limit", "cursor")
        limit = query.number("limit", 100, STREAM_BATCH_FRAMES_MAX, least=1)
        start = query.number("cursor", query.number("from", 0, 2**31), 2**31)
        query.check()
        loaded = self._box.loaded(execution)
        placement = self._placement(loaded, query.text("node"))
        rows = self._box.reader.frames(execution_id, placement, start, limit)
        leaves: list[Leaf] = []
        message = loaded.outputs[placement]
        views: list[KeptFrameView] = [
            {
                "frame_index": index,
                "payload": await self._box.show(message, [payload], leaves),
            }
            for index, payload in rows
        ]
        following = rows[-1][0] + 1 if rows else start
        count = self._box.reader.frame_count(execution_id, placement)
        cursor = str(following) if following < count else None
        return answer_view(self._box, {"frames": views, "next_cursor": cursor}, leaves)

    async def call_node(
        self, handle: str, package: str, version: str, node: str
    ) -> dict[str, Any] | Response:
        """Run one node: its bare message in, its bare message out, no execution."""
        take_no_query()
        loaded = self._box.catalog.load_node(g.tenant, f"{handle}/{package}", version, node)
        payload = loaded.entry.parse_json(read_json(await request_body() or b"{}"))
        terms = self._box.configs.terms(g.tenant, loaded.artifact.flow)
        outcome = await self._box.engine.call_node(loaded.artifact, payload, terms)
        match outcome:
            case Output(returned):
                view = loaded.terminal.to_json(returned)
                return Response(answers.dump(view), content_type=answers.JSON_TYPE)
            case Lost(reason):
                raise Unavailable(f"The call of {node} was lost ({reason}); try again shortly.")
            case Crashed():
                kind, words = "NODE_CRASHED", describe_end(outcome)
            case Failure(kind, words):
                pass
        raise NodeFailed(f"{node}: {words}", problems=[Problem(node, f"{kind}: {words}")])

    @staticmethod
    def _placement(loaded: LoadedArtifact, alias: str | None) -> int:
        if alias is None:
            return loaded.artifact.terminal
        if alias not in loaded.artifact.index_of:
            raise Invalid(unknown("node", alias, loaded.artifact.index_of))
        return loaded.artifact.index_of[alias]

    def _find(self, execution_id: str) -> Execution:
        return find_execution(self._box, execution_id)


def find_execution(box: Box, execution_id: str) -> Execution:
    """An execution of the caller's tenant. Raises NotFound."""
    if not EXECUTION_ID.fullmatch(execution_id):
        raise NotFound(f"There is no execution {execution_id}.")
    return box.reader.execution(g.tenant, execution_id)


def answer_view(box: Box, view: Any, leaves: list[Leaf]) -> Answer:
    """A view as it is, or written in pieces if there is anything large in it."""
    return sse.answer_pieces(box.written(view, leaves), _JSON_HEADERS) if leaves else view


def _is_wanted(node: str | None, kinds: frozenset[str], view: EventView) -> bool:
    return (node is None or view["placement"] == node) and (not kinds or view["kind"] in kinds)


def query_of(*known: str) -> Query:
    """The query of the current request, of which these parameters are known."""
    return Query(request.args.to_dict(flat=False), known)


def take_no_query() -> None:
    """Refuse every parameter of the current request."""
    query_of().check()


async def request_body() -> bytes:
    """The whole body of the current request."""
    body = await request.get_data(as_text=False)
    assert isinstance(body, bytes)
    return body


def _kinds(query: Query) -> frozenset[str]:
    kinds = frozenset(word for word in (query.text("kind") or "").split(",") if word)
    for kind in kinds - KINDS:
        raise Invalid(unknown("kind", kind, KINDS), problems=[Problem("kind", f"{kind!r}")])
    return kinds
