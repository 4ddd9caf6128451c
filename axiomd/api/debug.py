"""Routes of debug sessions: begin one, look at what is held, let it go."""

from typing import Any, TypedDict

import attrs
from quart import Blueprint, Response, g

from axiomd.api import answers, sse
from axiomd.api.box import Box
from axiomd.api.executions import find_execution, request_body, take_no_query
from axiomd.api.invoke import find_terms
from axiomd.api.shapes import AcceptedView, ExecutionId, JsonSchema, StatusName, Visit
from axiomd.api.wire import Priority, check_priority, read_body
from axiomd.errors import Invalid, NotFound, Problem, WrongMode, WrongState
from axiomd.execution.debugging import command, stops_at
from axiomd.execution.execution import Debug, DebugMode, Execution
from axiomd.execution.history import History
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import parse_position, position_text
from axiomd.flow.artifact import Artifact
from axiomd.flow.large_json import Leaf
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import HELD_SHOWN_MAX, PRIORITY_DEFAULT
from axiomd.strict import unknown


@attrs.frozen
class SessionBody:
    """Where a debug session stops."""

    paused: bool = False
    """Whether it stops before every node."""
    breakpoints: tuple[str, ...] = ()
    """Aliases before which it stops anyway."""


@attrs.frozen
class StartBody:
    """What a debug session is started with."""

    graph_id: str
    input: object = attrs.field(factory=dict)
    paused: bool = False
    breakpoints: tuple[str, ...] = ()
    config_id: str | None = None
    priority: Priority = PRIORITY_DEFAULT
    """Of what waits of one tenant, the higher goes first, then the older."""


@attrs.frozen
class StepBody:
    """Which node runs."""

    position: str | None = None
    """The visit that runs; the oldest held one if there is none."""


@attrs.frozen
class BreakpointsBody:
    """Before which placements a session stops."""

    breakpoints: tuple[str, ...]


@attrs.frozen
class InputBody:
    """Another input for a held visit."""

    position: str
    value: object


class HeldView(TypedDict):
    """A node visit that a debug session has stopped before."""

    position: Visit
    placement: str
    message: str
    """Full name of the input message."""
    input: Any
    """What its node would get."""
    schema: JsonSchema


class DebugView(TypedDict):
    """A debug session, and what it holds."""

    execution_id: ExecutionId
    status: StatusName
    mode: DebugMode
    """`pause` before every node, `step` for one node and then `pause`, `run` to a breakpoint."""
    breakpoints: list[str]
    held: list[HeldView]
    held_count: int


Answer = DebugView | Response


def debug_routes(box: Box) -> Blueprint:
    """Everything below /app/v1/debug."""
    routes = Blueprint("debug", __name__, url_prefix="/app/v1/debug")
    sessions = _Sessions(box)
    routes.post("")(sessions.start)
    routes.get("/<execution_id>")(sessions.show)
    routes.post("/<execution_id>/pause")(sessions.pause)
    routes.post("/<execution_id>/step")(sessions.step)
    routes.post("/<execution_id>/continue")(sessions.go_on)
    routes.put("/<execution_id>/breakpoints")(sessions.breakpoints)
    routes.put("/<execution_id>/input")(sessions.edit)
    return routes


def read_session(artifact: Artifact, paused: bool, names: tuple[str, ...], root: str) -> Debug:
    """A session as it was asked for; Invalid names the breakpoints that are no placements."""
    problems = [
        Problem(f"{root}breakpoints[{number}]", unknown("placement", name, artifact.index_of))
        for number, name in enumerate(names)
        if name not in artifact.index_of
    ]
    if problems:
        raise Invalid("There are no such placements.", problems=problems)
    return Debug("pause" if paused else "run", tuple(dict.fromkeys(names)))


class _Sessions:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def start(self) -> tuple[AcceptedView, int]:
        """Begin an execution in a debug session."""
        take_no_query()
        body = read_body(await request_body(), StartBody)
        check_priority(body.priority)
        if not ARTIFACT_ID.fullmatch(body.graph_id):
            raise NotFound("There is no such artifact.")
        loaded = self._box.catalog.load(g.tenant, body.graph_id)
        if loaded.artifact.mode != "unary":
            raise WrongMode(f"{body.graph_id} is a pipeline: only unary flows can be debugged.")
        debug = read_session(loaded.artifact, body.paused, body.breakpoints, "")
        terms = find_terms(self._box, loaded.artifact, body.config_id)
        payload = loaded.entry.parse_json(body.input)
        accepted = await self._box.engine.accept(
            loaded.artifact, payload, debug=debug, terms=terms, priority=body.priority
        )
        return {"accepted": True, "execution_id": accepted.execution_id}, 202

    async def show(self, execution_id: str) -> Answer:
        """The session, and what it holds."""
        take_no_query()
        return await self._view(self._find(execution_id))

    async def pause(self, execution_id: str) -> Answer:
        """Stop before whatever would be called next."""
        return await self._tell(execution_id, EntryKind.DEBUG_PAUSED)

    async def go_on(self, execution_id: str) -> Answer:
        """Let go of all that is held, and run to the next breakpoint."""
        return await self._tell(execution_id, EntryKind.DEBUG_CONTINUED)

    async def step(self, execution_id: str) -> Answer:
        """Let one node run."""
        take_no_query()
        execution = self._find(execution_id)
        body = read_body(await request_body() or b"{}", StepBody)
        if body.position is None and not execution.held:
            raise WrongState(f"Nothing of {execution_id} is held: wait until it has stopped.")
        visit = body.position or execution.held[0]
        return await self._tell(execution_id, EntryKind.DEBUG_STEPPED, visit)

    async def breakpoints(self, execution_id: str) -> Answer:
        """Stop at other placements from now on."""
        take_no_query()
        execution = self._find(execution_id)
        body = read_body(await request_body(), BreakpointsBody)
        artifact = self._box.loaded(execution).artifact
        names = read_session(artifact, False, body.breakpoints, "").breakpoints
        changed = await self._box.engine.direct(g.tenant, execution_id, stops_at(names))
        return await self._view(changed)

    async def edit(self, execution_id: str) -> Answer:
        """Give a held visit another input."""
        take_no_query()
        execution = self._find(execution_id)
        body = read_body(await request_body(), InputBody)
        if body.position not in execution.held:
            raise WrongState(f"{body.position} of {execution_id} is not held.")
        loaded = self._box.loaded(execution)
        alias, _, _ = parse_position(body.position)
        index = loaded.artifact.index_of[alias]
        content = loaded.inputs[index].parse_json(body.value, root="value")
        return await self._tell(execution_id, EntryKind.DEBUG_EDITED, body.position, content)

    async def _tell(
        self, execution_id: str, kind: EntryKind, visit: str = "", value: bytes | None = None
    ) -> Answer:
        take_no_query()
        self._find(execution_id)
        said = command(kind)
        changed = await self._box.engine.direct(g.tenant, execution_id, said, visit, value)
        return await self._view(changed)

    def _find(self, execution_id: str) -> Execution:
        execution = find_execution(self._box, execution_id)
        if execution.debug is None:
            raise NotFound(f"Execution {execution_id} is in no debug session.")
        return execution

    async def _view(self, execution: Execution) -> Answer:
        leaves: list[Leaf] = []
        view: DebugView = await self._box.engine.parts.run_blocking(
            self._view_now, execution, leaves
        )
        if not leaves:
            return view
        headers = {"Content-Type": answers.JSON_TYPE}
        return sse.answer_pieces(self._box.written(view, leaves), headers)

    def _view_now(self, execution: Execution, leaves: list[Leaf]) -> DebugView:
        """A session with the input of what it holds. Blocks."""
        loaded, debug = self._box.loaded(execution), execution.debug
        assert debug is not None
        held: list[HeldView] = []
        if execution.held:
            journal = self._box.reader.whole_journal(execution.execution_id)
            history = History.fold(loaded.artifact, journal)
            wanted = set(execution.held[:HELD_SHOWN_MAX])
            for position in history.session.held:
                alias = loaded.artifact.placements[position.placement].alias
                text, message = position_text(position, alias), loaded.inputs[position.placement]
                if text not in wanted:
                    continue
                shown = self._box.show_now(message, history.pending[position], leaves)
                held.append(
                    {
                        "position": text,
                        "placement": alias,
                        "message": message.full_name,
                        "input": shown,
                        "schema": message.json_schema(),
                    }
                )
        return {
            "execution_id": execution.execution_id,
            "status": execution.status.value,
            "mode": debug.mode,
            "breakpoints": list(debug.breakpoints),
            "held": held,
            "held_count": len(execution.held),
        }
