"""Pauses: what waits for a person, what was asked and answered, and the way to answer.

Everything is derived from the journal on every read; the record only says which pauses are open.
"""

import json
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, TypedDict

import attrs
from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import (
    PAGE_BYTES_MAX,
    Answer,
    answer_view,
    find_execution,
    query_of,
    request_body,
    take_no_query,
)
from axiomd.api.schema import Words
from axiomd.api.shapes import ExecutionId, JsonSchema, Moment, Visit
from axiomd.api.views import Json, Show, moment
from axiomd.api.wire import PAGE_PARAMETERS, read_page, read_resume
from axiomd.clock import rfc3339
from axiomd.engine.catalog import LoadedArtifact
from axiomd.errors import NotFound, WrongState
from axiomd.execution.execution import Execution
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.pauses import pause_id
from axiomd.execution.position import Position, parse_position, position_text, visit_text
from axiomd.flow.artifact import Artifact
from axiomd.flow.large_json import Leaf
from axiomd.limits import SCAN_ROWS_MAX

_ENDS = {
    EntryKind.PAUSE_RESUMED: "RESUMED",
    EntryKind.PAUSE_REJECTED: "REJECTED",
    EntryKind.PAUSE_EXPIRED: "EXPIRED",
}
_GIVES_UP = frozenset(
    {
        EntryKind.EDGE_TAKEN,
        EntryKind.EXECUTION_COMPLETED,
        EntryKind.EXECUTION_FAILED,
        EntryKind.EXECUTION_CANCELLED,
        EntryKind.COMPENSATION_BEGUN,
    }
)
"""What may leave a pause behind that nobody has answered: a loop, or the beginning of the end."""


@attrs.define
class Pause:
    """One pause of an execution, as its journal tells of it."""

    opened: Entry
    inputs: tuple[Payload, ...]
    """What the visit was given, as messages whose merge it is."""
    status: str = "OPEN"
    resolved: Entry | None = None

    @property
    def size(self) -> int:
        """Bytes of what is shown of it."""
        value = self.resolved.payload if self.resolved is not None else None
        return sum(payload.size for payload in (*self.inputs, *([value] if value else [])))


def pauses_of(artifact: Artifact, entries: Iterable[Entry]) -> list[Pause]:
    """Every pause that a journal tells of, in the order in which they were opened."""
    history = History(artifact)
    found: list[Pause] = []
    waiting: dict[Position, Pause] = {}
    for entry in entries:
        history.apply(entry)
        if entry.kind is EntryKind.PAUSE_OPENED and entry.position is not None:
            pause = Pause(entry, history.pending.get(entry.position, ()))
            waiting[entry.position] = pause
            found.append(pause)
        elif entry.kind in _ENDS and entry.position in waiting:
            pause = waiting.pop(entry.position)
            pause.status, pause.resolved = _ENDS[entry.kind], entry
        elif entry.kind in _GIVES_UP:
            _give_up(waiting, history, entry)
    return found


def _give_up(waiting: dict[Position, Pause], history: History, entry: Entry) -> None:
    ended = entry.kind is not EntryKind.EDGE_TAKEN
    for position in [p for p in waiting if ended or p not in history.pauses]:
        pause = waiting.pop(position)
        pause.status, pause.resolved = "CANCELLED", attrs.evolve(entry, detail="", payload=None)


class PauseView(TypedDict):
    """A pause: what is asked, of what, and what came of it."""

    pause_id: str
    placement: str
    position: Visit
    status: Annotated[str, Words(enum=["OPEN", "RESUMED", "REJECTED", "EXPIRED", "CANCELLED"])]
    opened_at: Moment
    expires_at: Moment | None
    payload: Any
    """What the placement asks."""
    schema: JsonSchema
    """Of the input, and so of the value of an approval."""
    input: Any
    """What the node gets, unless the answer has another value."""
    resolved_at: Moment | None
    by: str | None
    """Who answered: the name of the API key and its first eight characters."""
    comment: str | None
    value: Any


class InboxPauseView(PauseView):
    """A pause that waits for a person."""

    execution_id: ExecutionId
    flow: str


def pause_view(loaded: LoadedArtifact, pause: Pause, show: Show) -> PauseView:
    """A pause: what is asked, of what, and what came of it."""
    opened, resolved = pause.opened, pause.resolved
    assert opened.position is not None
    index = opened.position.placement
    alias, message = loaded.artifact.placements[index].alias, loaded.inputs[index]
    asked = json.loads(opened.detail)
    told = json.loads(resolved.detail) if resolved is not None and resolved.detail else {}
    value = resolved.payload if resolved is not None else None
    return {
        "pause_id": asked["pause_id"],
        "placement": alias,
        "position": position_text(opened.position, alias),
        "status": pause.status,
        "opened_at": rfc3339(opened.at_ns),
        "expires_at": moment(opened.due_ns),
        "payload": asked["payload"],
        "schema": message.json_schema(),
        "input": show(message, pause.inputs) if pause.inputs else None,
        "resolved_at": rfc3339(resolved.at_ns) if resolved is not None else None,
        "by": told.get("by") or None,
        "comment": told.get("comment") or None,
        "value": show(message, [value]) if value is not None else None,
    }


def pauses_routes(box: Box) -> Blueprint:
    """Pauses below /invocations/v1."""
    routes = Blueprint("pauses", __name__, url_prefix="/invocations/v1")
    pauses = PauseRoutes(box)
    routes.get("/pauses")(pauses.inbox)
    routes.get("/executions/<execution_id>/pauses")(pauses.history)
    routes.post("/executions/<execution_id>/pauses/<pause>/resume")(pauses.resume)
    return routes


class PauseRoutes:
    """The handlers of pauses."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def inbox(self) -> Answer:
        """What waits for a person, newest first."""
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        leaves: list[Leaf] = []
        view: Json = await self._box.engine.parts.run_blocking(
            self._inbox, g.tenant, limit, cursor, leaves
        )
        return answer_view(self._box, view, leaves)

    def _inbox(self, tenant: str, limit: int, cursor: str | None, leaves: list[Leaf]) -> Json:
        """A page of open pauses; the journals and the payloads that it reads are bounded."""
        page = self._box.reader.open_pauses(tenant, limit, cursor)
        known: dict[str, dict[str, Pause]] = {}
        views: list[InboxPauseView] = []
        size, end, entries = 0, "", 0
        for row in page.rows:
            execution, visit = row.execution, row.pause.position
            identity = execution.execution_id
            full = size > PAGE_BYTES_MAX or (entries > SCAN_ROWS_MAX and identity not in known)
            if full and row.cursor != end:
                return {"pauses": views, "next_cursor": end}
            end, loaded = row.cursor, self._box.loaded(execution)
            if identity not in known:
                entries += execution.entries
                known[identity] = self._open(loaded.artifact, identity)
            pause = known[identity].get(visit)
            if pause is not None:
                size += pause.size
                shown = pause_view(loaded, pause, partial(self._box.show_now, leaves=leaves))
                views.append({"execution_id": identity, "flow": execution.flow, **shown})
        return {"pauses": views, "next_cursor": page.cursor}

    def _open(self, artifact: Artifact, execution_id: str) -> dict[str, Pause]:
        """The open pauses of an execution, by visit."""
        found = pauses_of(artifact, self._box.reader.whole_journal(execution_id))
        return {_visit(artifact, pause): pause for pause in found if pause.status == "OPEN"}

    async def history(self, execution_id: str) -> Answer:
        """Every pause that an execution has had, oldest first."""
        execution = find_execution(self._box, execution_id)
        query = query_of(*PAGE_PARAMETERS)
        after = query.number("cursor", 0, 2**31)
        limit, _ = read_page(query)
        leaves: list[Leaf] = []
        view: Json = await self._box.engine.parts.run_blocking(
            self._history, execution, after, limit, leaves
        )
        return answer_view(self._box, view, leaves)

    def _history(self, execution: Execution, after: int, limit: int, leaves: list[Leaf]) -> Json:
        loaded, size, last = self._box.loaded(execution), 0, after
        views: list[PauseView] = []
        for pause in self._all(execution):
            if pause.opened.seq <= after:
                continue
            size += pause.size
            if views and (len(views) == limit or size > PAGE_BYTES_MAX):
                return {"pauses": views, "next_cursor": str(last)}
            views.append(pause_view(loaded, pause, partial(self._box.show_now, leaves=leaves)))
            last = pause.opened.seq
        return {"pauses": views, "next_cursor": None}

    def _all(self, execution: Execution) -> list[Pause]:
        artifact = self._box.loaded(execution).artifact
        return pauses_of(artifact, self._box.reader.whole_journal(execution.execution_id))

    async def resume(self, execution_id: str, pause: str) -> Answer:
        """Answer for a paused visit: it goes on, with a value or with its input, or it fails."""
        take_no_query()
        execution = find_execution(self._box, execution_id)
        body = read_resume(await request_body())
        visit = await self._find_open(execution, pause)
        loaded, value = self._box.loaded(execution), None
        if body.value is not None:
            index = loaded.artifact.index_of[parse_position(visit)[0]]
            value = loaded.inputs[index].parse_json(body.value, root="value")
        await self._box.engine.answer(
            g.tenant,
            execution_id,
            visit,
            approved=body.decision == "approve",
            value=value,
            comment=body.comment,
            by=g.caller.name,
        )
        leaves: list[Leaf] = []
        view = await self._box.engine.parts.run_blocking(self._one, execution, visit, leaves)
        return answer_view(self._box, view, leaves)

    async def _find_open(self, execution: Execution, wanted: str) -> str:
        """The visit of an open pause, as text. Raises NotFound, or WrongState if it is over."""
        for pause in execution.pauses:
            if pause_id(execution.execution_id, pause.position) == wanted:
                return pause.position
        artifact = self._box.loaded(execution).artifact
        all_pauses = await self._box.engine.parts.run_blocking(self._all, execution)
        for pause in all_pauses:
            if pause_id(execution.execution_id, _visit(artifact, pause)) == wanted:
                raise WrongState(f"Pause {wanted} is over: {pause.status.lower()}.")
        raise NotFound(f"Execution {execution.execution_id} has no pause {wanted}.")

    def _one(self, execution: Execution, visit: str, leaves: list[Leaf]) -> PauseView:
        loaded = self._box.loaded(execution)
        (pause,) = [p for p in self._all(execution) if _visit(loaded.artifact, p) == visit]
        return pause_view(loaded, pause, partial(self._box.show_now, leaves=leaves))


def _visit(artifact: Artifact, pause: Pause) -> str:
    assert pause.opened.position is not None
    return visit_text(artifact, pause.opened.position)
