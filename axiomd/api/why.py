"""`GET …/executions/{id}/why`: what an execution waits for, down to the last link."""

from functools import partial
from typing import Any, TypedDict

from quart import Blueprint

from axiomd.api.box import Box
from axiomd.api.executions import find_execution, take_no_query
from axiomd.api.why_links import Around, Link, Queue, why_links
from axiomd.execution.execution import Execution, ready_parts
from axiomd.limits import SCAN_ROWS_MAX, SUBFLOW_DEPTH_MAX, WHY_LINKS_MAX
from axiomd.store.keys import ready_place

Json = dict[str, Any]


class WhyView(TypedDict):
    """What an execution waits for, or how and why it ended."""

    execution_id: str
    status: str
    why: list[Json]
    """Links, each with `what`, a stable word, a `sentence`, the facts behind it, and `why` again
    where it waits for something itself."""
    left_out: int
    """Links that there was no room for."""


def why_routes(box: Box) -> Blueprint:
    """The one route."""
    routes = Blueprint("why", __name__, url_prefix="/invocations/v1/executions")

    async def why(execution_id: str) -> WhyView:
        """What it waits for, or how and why it ended."""
        execution = find_execution(box, execution_id)
        take_no_query()
        queue = _queue(box, execution)
        view: WhyView = await box.engine.parts.run_blocking(_Answer(box, queue).view, execution)
        return view

    routes.get("/<execution_id>/why")(why)
    return routes


def _queue(box: Box, execution: Execution) -> Queue:
    engine = box.engine
    tenant, flow, rank, created_ns, identity = ready_parts(execution)
    place = ready_place(rank, created_ns, identity)
    return Queue(
        ahead=box.reader.ready.ahead((tenant, flow), place, SCAN_ROWS_MAX),
        slots=engine.parts.settings.slots,
        slots_used=engine.statistics()["attempts"],
        limited=engine.is_limited(tenant, flow),
        draining=engine.draining,
        recovering=not engine.answers,
    )


class _Answer:
    """One answer, of a bounded number of links; made off the event loop."""

    def __init__(self, box: Box, queue: Queue) -> None:
        self._box = box
        self._queue = queue
        self._children_left = WHY_LINKS_MAX
        self._links_left = WHY_LINKS_MAX
        self._left_out = 0

    def view(self, execution: Execution) -> WhyView:
        """As JSON."""
        why = self._views(self._links(execution, 0))
        return {
            "execution_id": execution.execution_id,
            "status": execution.status.value,
            "why": why,
            "left_out": self._left_out,
        }

    def _links(self, execution: Execution, depth: int) -> tuple[Link, ...]:
        artifact, identity = self._box.loaded(execution).artifact, execution.execution_id
        around = Around(
            queue=self._queue if depth == 0 else _queue(self._box, execution),
            environment=self._box.environments.state,
            waits_for_process=partial(self._box.engine.waits_for_process, identity),
            child=partial(self._child, depth=depth + 1),
            frames=partial(self._box.reader.frame_count, identity),
        )
        entries = self._box.reader.whole_journal(identity)
        return tuple(why_links(execution, artifact, entries, around))

    def _child(self, execution_id: str, depth: int) -> tuple[Link, ...] | None:
        """What a child waits for, if it is not too deep, nor one of too many."""
        if depth > SUBFLOW_DEPTH_MAX or not self._children_left:
            return None
        self._children_left -= 1
        child = self._box.reader.find_execution(execution_id)
        return self._links(child, depth) if child is not None else None

    def _views(self, links: tuple[Link, ...]) -> list[Json]:
        """Links with those below them, as far as there is room; the rest is counted."""
        views = []
        for link in links:
            if not self._links_left:
                self._left_out += 1
                continue
            self._links_left -= 1
            below = self._views(link.why)
            view: Json = {"what": link.what, "sentence": link.sentence, **link.facts}
            views.append(view | ({"why": below} if below else {}))
        return views
