"""Fires schedules when their times come.

Nothing of them is in memory: what is due is a row of the store, so it outlives the box, and this
loop knows only when to look next. Whatever is done about a time is one commit: the execution, and
the schedule moved on to its next time. The writer refuses it if the schedule is not the one that
it was made from, and then this loop looks again; so a time is never done with twice, whoever
edits, pauses, deletes or dies meanwhile. What cannot be accepted moves the schedule on too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import attrs
import trio

from axiomd.clock import LOOK_AGAIN_S, NS_PER_S
from axiomd.engine.parts import Parts, log
from axiomd.errors import (
    Draining,
    Invalid,
    NotFound,
    Problem,
    Refused,
    StoreFull,
    TenantDisabled,
    WrongState,
)
from axiomd.execution.execution import queued
from axiomd.execution.journal import Payload
from axiomd.execution.schedules import Definition, Schedule, Step, next_time, revised, steps
from axiomd.limits import DUE_BATCH_MAX, SCHEDULE_STEPS_MAX, SCHEDULES_MAX
from axiomd.store.acts import Act, ActKind, Actor, acted
from axiomd.store.commit import ExecutionCommit, ScheduleCommit, accept
from axiomd.store.writer import Ticket
from axiomd.zones import find_zone

_FULL_PAUSE_S = 1.0
_ERROR_CHARACTERS = 300

Revise = Callable[[Schedule], Definition]
"""What somebody wants a schedule to be, given what it is."""
Planned = tuple[Schedule, Sequence[Step], str]
"""A schedule, what is to be done about its times, and why nothing can be."""


class Schedules:
    """The schedules of tenants: made, changed, fired."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bell = trio.Event()
        self._since_ns = 0
        """Since when times are looked at; what came before was missed."""
        self._closed = False

    # -- commands -----------------------------------------------------------------------------

    async def create(self, tenant: str, definition: Definition, by: Actor) -> Schedule:
        """A new schedule. Raises Invalid if none of its times is to come, or there are too many;
        StoreFull."""
        if self._parts.timetable.count(tenant) >= SCHEDULES_MAX:
            words = f"there are {SCHEDULES_MAX} schedules already, which is the most"
            raise Invalid("No further schedule is taken.", problems=[Problem("name", words)])
        now_ns = self._parts.clock.now_ns()
        made = Schedule(self._parts.ids.schedule_id(), tenant, definition, now_ns, now_ns)
        first_ns = next_time(made, now_ns, find_zone(definition.timing.time_zone))
        if not first_ns:
            problems = [Problem("ends_at", "no time of the schedule comes before it")]
            raise Invalid("The schedule would never fire.", problems=problems)
        made = attrs.evolve(made, next_ns=first_ns)
        acts = _acted(by, made, now_ns, ActKind.SCHEDULE_CREATED)
        await self._commit(ScheduleCommit(None, made, acts=acts))
        return made

    async def change(self, tenant: str, schedule_id: str, revise: Revise, by: Actor) -> Schedule:
        """A schedule as it is from now on. Raises NotFound, StoreFull, and what `revise` does.

        revise: called again if the schedule has fired, or was changed, meanwhile.
        """
        while True:
            before = self._parts.timetable.schedule(tenant, schedule_id)
            definition = revise(before)
            if definition == before.definition:
                return before
            zone = find_zone(definition.timing.time_zone)
            after = revised(before, definition, zone, self._parts.clock.now_ns())
            acts = _acted(by, after, after.updated_ns, _kind_of(before, after))
            with suppress(WrongState):
                await self._commit(ScheduleCommit(before, after, acts=acts))
                return after

    async def remove(self, tenant: str, schedule_id: str, by: Actor) -> None:
        """Fire it no more; what it made goes on. Raises NotFound, StoreFull."""
        while True:
            before = self._parts.timetable.schedule(tenant, schedule_id)
            now_ns = self._parts.clock.now_ns()
            acts = _acted(by, before, now_ns, ActKind.SCHEDULE_DELETED)
            with suppress(WrongState):
                await self._commit(ScheduleCommit(before, None, acts=acts))
                return

    async def trigger(self, tenant: str, schedule_id: str) -> str:
        """Fire it now, beside its times, paused or not; the execution's ID.

        Raises NotFound, Draining, StoreFull.
        """
        while True:
            if self._closed:
                raise Draining
            before = self._parts.timetable.schedule(tenant, schedule_id)
            fires = self._acceptance(before, 0)
            with suppress(WrongState):
                await self._commit(ScheduleCommit(before, _fired(before, fires), fires))
                return fires.execution_id

    async def _commit(self, commit: ScheduleCommit) -> None:
        await self._parts.writer.submit(commit).wait()
        self._bell.set()

    # -- movement -----------------------------------------------------------------------------

    def close(self) -> None:
        """The box is stopping: fire nothing more. What comes due now is the next start's."""
        self._closed = True
        self._bell.set()

    async def run(self) -> None:
        """Fire what is due, until closed or cancelled."""
        self._since_ns = self._parts.clock.now_ns()
        while not self._closed:
            self._bell = trio.Event()
            now_ns = self._parts.clock.now_ns()
            # Earlier than before: the clock was set back, and its times are not missed.
            self._since_ns = min(self._since_ns, now_ns)
            due, next_ns = self._parts.timetable.due(now_ns, DUE_BATCH_MAX)
            try:
                await self._fire(due, now_ns)
            except StoreFull as trouble:
                log.warning("store_full", error=str(trouble))
                await trio.sleep(_FULL_PAUSE_S)
                continue
            if not due:
                await self._wait(next_ns)

    async def _wait(self, next_ns: int | None) -> None:
        wait_s = LOOK_AGAIN_S
        if next_ns is not None:
            wait_s = min((next_ns - self._parts.clock.now_ns()) / NS_PER_S, wait_s)
        with trio.move_on_after(max(0.0, wait_s)):
            await self._bell.wait()

    async def _fire(self, due: Sequence[Schedule], now_ns: int) -> None:
        """Do something about some times of each; all of it is durable, or overtaken, then."""
        if not due:
            return
        planned: Sequence[Planned] = await self._parts.run_blocking(self._plan, due, now_ns)
        tickets = [ticket for plan in planned for ticket in self._submit(*plan)]
        for ticket in tickets:
            # Changed or deleted meanwhile: the next look sees what it is now.
            with suppress(WrongState, NotFound):
                await ticket.wait()

    def _plan(self, due: Sequence[Schedule], now_ns: int) -> Sequence[Planned]:
        return [self._planned(schedule, now_ns) for schedule in due]

    def _planned(self, schedule: Schedule, now_ns: int) -> Planned:
        try:
            zone = find_zone(schedule.definition.timing.time_zone)
            some = steps(schedule, zone, now_ns, self._since_ns, SCHEDULE_STEPS_MAX)
        except Exception as failure:  # noqa: BLE001 - the last frame of one schedule
            # A fault in one must not end the box, again at every start.
            log.error("schedule_stopped", schedule=schedule.schedule_id, exc_info=failure)
            return schedule, (), f"its next time cannot be found: {failure}"[:_ERROR_CHARACTERS]
        return schedule, some, ""

    def _submit(self, schedule: Schedule, some: Sequence[Step], trouble: str) -> Iterator[Ticket]:
        """Submit what is done about each time; each builds on the one before, or falls with it."""
        if trouble:
            stopped = attrs.evolve(schedule, next_ns=0, last_error=trouble)
            yield self._parts.writer.submit(ScheduleCommit(schedule, stopped))
        before, made = schedule, set[str]()
        for step in some:
            if self._closed:
                return
            after, fires = self._done(before, step, made)
            yield self._parts.writer.submit(ScheduleCommit(before, after, fires))
            before = after
            made |= {after.last_execution_id}

    def _done(
        self, schedule: Schedule, step: Step, made: set[str]
    ) -> tuple[Schedule, ExecutionCommit | None]:
        """A schedule once something was done about a time of it, and what that makes.

        made: executions that were submitted a moment ago, and are not stored yet.
        """
        moved = attrs.evolve(schedule, next_ns=step.next_ns)
        if not step.fires:
            return moved, None
        if self._overlaps(schedule, made):
            return attrs.evolve(moved, skipped_ns=step.due_ns), None
        try:
            fires = self._acceptance(schedule, step.due_ns)
        except Refused as refusal:
            words = " ".join([refusal.message, *map(str, refusal.problems)])
            log.warning("schedule_not_fired", schedule=schedule.schedule_id, error=words)
            return attrs.evolve(moved, last_error=words[:_ERROR_CHARACTERS]), None
        return _fired(moved, fires), fires

    def _overlaps(self, schedule: Schedule, made: set[str]) -> bool:
        last = schedule.last_execution_id
        if schedule.definition.overlap == "allow" or not last:
            return False
        execution = self._parts.reader.find_execution(last)
        return last in made or (execution is not None and not execution.status.ended)

    def _acceptance(self, schedule: Schedule, due_ns: int) -> ExecutionCommit:
        """What makes the execution for a time of a schedule.

        Raises NotFound of the artifact, Invalid of the flow config, TenantDisabled.
        """
        parts, definition = self._parts, schedule.definition
        if parts.reader.tenant(schedule.tenant).disabled_ns:
            raise TenantDisabled
        artifact = parts.artifact(schedule.tenant, definition.graph_id)
        terms = parts.terms(schedule.tenant, artifact.flow, definition.config_id or None)
        execution = attrs.evolve(
            queued(parts.ids.execution_id(), artifact, terms, parts.clock.now_ns()),
            priority=definition.priority,
            schedule_id=schedule.schedule_id,
            scheduled_ns=due_ns,
        )
        return accept(execution, Payload(len(definition.content), definition.content))


def _acted(by: Actor, schedule: Schedule, at_ns: int, kind: ActKind) -> tuple[Act, ...]:
    """What is logged of it: never its input."""
    told = {"name": schedule.definition.name, "graph_id": schedule.definition.graph_id}
    return acted(by, schedule.tenant, at_ns, kind, schedule.schedule_id, **told)


def _kind_of(before: Schedule, after: Schedule) -> ActKind:
    paused = after.definition.paused
    if attrs.evolve(before.definition, paused=paused) != after.definition:
        return ActKind.SCHEDULE_CHANGED
    return ActKind.SCHEDULE_PAUSED if paused else ActKind.SCHEDULE_RESUMED


def _fired(schedule: Schedule, fires: ExecutionCommit) -> Schedule:
    return attrs.evolve(
        schedule,
        last_ns=fires.at_ns,
        last_execution_id=fires.execution_id,
        last_error="",
    )
