"""Routes for schedules: what fires when, and what became of it."""

from collections.abc import Callable, Sequence
from typing import TypedDict

import attrs
from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import query_of, request_body, take_no_query
from axiomd.api.schedule_wire import (
    DefinitionView,
    definition_view,
    read_change,
    read_schedule,
    show_input,
)
from axiomd.api.shapes import AcceptedView, ExecutionId, Moment, ScheduleId
from axiomd.api.views import Json, moment
from axiomd.api.wire import PAGE_PARAMETERS, read_page
from axiomd.clock import rfc3339
from axiomd.execution.schedules import Definition, Schedule, upcoming
from axiomd.limits import SCHEDULE_TIMES_SHOWN_MAX
from axiomd.zones import find_zone


class ScheduleView(DefinitionView):
    """What is invoked when, and what became of it."""

    schedule_id: ScheduleId
    flow: str
    """`handle/name` of the flow that the artifact was compiled from."""
    created_at: Moment
    updated_at: Moment
    """When somebody changed it last."""
    next_at: Moment | None
    """When it fires next; null while it is paused, and behind its last time."""
    upcoming: list[Moment]
    """That time and those which follow it, five of them."""
    last_at: Moment | None
    """When it made an execution last."""
    last_execution_id: ExecutionId | None
    last_skipped_at: Moment | None
    """The last time that made none because the execution before went on."""
    last_error: str | None
    """Why its last time made none; null if it did."""


class DeletedScheduleView(TypedDict):
    """A schedule that fires no more."""

    deleted: ScheduleId


def schedules_routes(box: Box) -> Blueprint:
    """Everything below /app/v1/schedules."""
    routes = Blueprint("schedules", __name__, url_prefix="/app/v1/schedules")
    kept = _Kept(box)
    routes.get("")(kept.list_schedules)
    routes.post("")(kept.create)
    routes.get("/<schedule_id>")(kept.schedule)
    routes.patch("/<schedule_id>")(kept.change)
    routes.delete("/<schedule_id>")(kept.delete)
    routes.post("/<schedule_id>/pause")(kept.pause)
    routes.post("/<schedule_id>/resume")(kept.resume)
    routes.post("/<schedule_id>/trigger")(kept.trigger)
    return routes


class _Kept:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def list_schedules(self) -> Json:
        """A page of the tenant's schedules, newest first."""
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        page = self._box.engine.parts.timetable.schedules(g.tenant, limit, cursor)
        # Off the event loop: their next times have to be found.
        views = await self._box.engine.parts.run_blocking(self._views, page.rows)
        return {"schedules": views, "next_cursor": page.cursor}

    def _views(self, schedules: Sequence[Schedule]) -> list[ScheduleView]:
        return [self._view(schedule) for schedule in schedules]

    def _view(self, schedule: Schedule) -> ScheduleView:
        return schedule_view(schedule, show_input(self._box, schedule))

    async def create(self) -> tuple[ScheduleView, int]:
        """Fire an artifact at certain times from now on."""
        take_no_query()
        definition = read_schedule(self._box, g.tenant, await request_body())
        made = await self._box.engine.schedules.create(g.tenant, definition, g.caller.actor)
        return self._view(made), 201

    async def schedule(self, schedule_id: str) -> ScheduleView:
        """One schedule."""
        take_no_query()
        return self._view(self._box.engine.parts.timetable.schedule(g.tenant, schedule_id))

    async def change(self, schedule_id: str) -> ScheduleView:
        """Change what the body names; the rest stays."""
        take_no_query()
        body = await request_body()
        return await self._revise(schedule_id, lambda before: read_change(self._box, before, body))

    async def delete(self, schedule_id: str) -> DeletedScheduleView:
        """Fire it no more; what it made goes on."""
        take_no_query()
        await self._box.engine.schedules.remove(g.tenant, schedule_id, g.caller.actor)
        return {"deleted": schedule_id}

    async def pause(self, schedule_id: str) -> ScheduleView:
        """Let its times pass; paused already, it stays so."""
        take_no_query()
        return await self._revise(schedule_id, lambda one: _paused(one, True))

    async def resume(self, schedule_id: str) -> ScheduleView:
        """Fire again; what is done about times that have passed says `catch_up`."""
        take_no_query()
        return await self._revise(schedule_id, lambda one: _paused(one, False))

    async def trigger(self, schedule_id: str) -> tuple[AcceptedView, int]:
        """Fire it now, beside its times."""
        take_no_query()
        execution_id = await self._box.engine.schedules.trigger(g.tenant, schedule_id)
        return {"accepted": True, "execution_id": execution_id}, 202

    async def _revise(
        self, schedule_id: str, revise: Callable[[Schedule], Definition]
    ) -> ScheduleView:
        schedules, by = self._box.engine.schedules, g.caller.actor
        return self._view(await schedules.change(g.tenant, schedule_id, revise, by))


def _paused(schedule: Schedule, paused: bool) -> Definition:
    return attrs.evolve(schedule.definition, paused=paused)


def schedule_view(schedule: Schedule, given: object) -> ScheduleView:
    """A schedule. given: its input, as JSON."""
    zone = find_zone(schedule.definition.timing.time_zone)
    coming = upcoming(schedule, zone, SCHEDULE_TIMES_SHOWN_MAX)
    return {
        **definition_view(schedule, given),
        "schedule_id": schedule.schedule_id,
        "flow": schedule.definition.flow,
        "created_at": rfc3339(schedule.created_ns),
        "updated_at": rfc3339(schedule.updated_ns),
        "next_at": moment(schedule.due_ns),
        "upcoming": [rfc3339(ns) for ns in coming],
        "last_at": moment(schedule.last_ns),
        "last_execution_id": schedule.last_execution_id or None,
        "last_skipped_at": moment(schedule.skipped_ns),
        "last_error": schedule.last_error or None,
    }
