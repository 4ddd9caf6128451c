"""Schedules: what they are, when their times come, and what is done about times that were missed.

Pure: the time, the zone, and since when the box works are given. A schedule keeps the first of its
times that is not done with yet; whatever was done moves it on, and it never moves back over a
time that was done.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Literal

import attrs

from axiomd.clock import NS_PER_HOUR, NS_PER_S
from axiomd.execution.cron import cron_times
from axiomd.limits import PRIORITY_DEFAULT, SCHEDULE_CATCH_UP_MAX, SCHEDULE_LATE_S_MAX

CatchUp = Literal["none", "one", "all"]
Overlap = Literal["allow", "skip"]

_SPAN_NS = NS_PER_HOUR
_WIDER = 8
"""How the search for the last times widens, until it has found enough."""


@attrs.frozen
class Timing:
    """When a schedule fires: by exactly one of `cron` and `every_s`."""

    cron: str = ""
    every_s: int = 0
    """Seconds from one time to the next, counted from `starts_ns`, else from the creation."""
    time_zone: str = "UTC"
    """IANA name of the zone in which a cron expression is read."""
    starts_ns: int = 0
    """No time is before it; 0 for none."""
    ends_ns: int = 0
    """No time is at it or after it; 0 for none."""


@attrs.frozen
class Definition:
    """What somebody asks of a schedule."""

    name: str
    graph_id: str
    flow: str
    """The artifact's flow."""
    content: bytes
    """The input, as the artifact's input message."""
    timing: Timing
    catch_up: CatchUp = "none"
    """What is done about times that were missed: nothing, one execution, one for each."""
    overlap: Overlap = "allow"
    """Whether it fires while the last execution that it made has not ended."""
    paused: bool = False
    config_id: str = ""
    priority: int = PRIORITY_DEFAULT
    """That of its executions."""


@attrs.frozen
class Schedule:
    """A schedule, and how far it has come."""

    schedule_id: str
    tenant: str
    definition: Definition
    created_ns: int
    updated_ns: int
    """When somebody changed it last."""
    since_ns: int = 0
    """When it was resumed last: earlier times were missed."""
    next_ns: int = 0
    """The first time that is not done with, also while it is paused; 0 if there is none."""
    last_ns: int = 0
    """When it made an execution last; 0 before the first."""
    last_execution_id: str = ""
    last_error: str = ""
    """Why its last time made none; empty if it did."""
    skipped_ns: int = 0
    """The last time that made none because of `overlap`."""

    @property
    def due_ns(self) -> int:
        """When it is to be looked at; 0 for never."""
        return 0 if self.definition.paused else self.next_ns


@attrs.frozen
class Step:
    """What is done about one time that has come."""

    due_ns: int
    next_ns: int
    """The first time after it; 0 if there is none."""
    fires: bool = True
    """Whether it makes an execution: what was missed may not."""


def times(schedule: Schedule, after_ns: int, zone: tzinfo) -> Iterator[int]:
    """Every time of a schedule after `after_ns`."""
    timing = schedule.definition.timing
    after_ns = max(after_ns, timing.starts_ns - 1)
    if timing.every_s:
        every_ns, anchor_ns = timing.every_s * NS_PER_S, timing.starts_ns or schedule.created_ns
        number = max((after_ns - anchor_ns) // every_ns + 1, 0 if timing.starts_ns else 1)
        found: Iterator[int] = itertools.count(anchor_ns + number * every_ns, every_ns)
    else:
        found = cron_times(timing.cron, after_ns, zone)
    if timing.ends_ns:
        return itertools.takewhile(lambda ns: ns < timing.ends_ns, found)
    return found


def next_time(schedule: Schedule, after_ns: int, zone: tzinfo) -> int:
    """The first time after `after_ns`; 0 if there is none."""
    return next(times(schedule, after_ns, zone), 0)


def upcoming(schedule: Schedule, zone: tzinfo, count: int) -> list[int]:
    """The next times that it will fire at; none while it is paused."""
    if not schedule.due_ns:
        return []
    following = times(schedule, schedule.next_ns, zone)
    return [schedule.next_ns, *itertools.islice(following, count - 1)]


def steps(
    schedule: Schedule, zone: tzinfo, now_ns: int, since_ns: int, limit: int
) -> Sequence[Step]:
    """What is to be done about the times that have come by `now_ns`, oldest first.

    At least one step, at most `limit`: what is left is due still. since_ns: when the box began to
    work; what came before was missed, and so was what is later than SCHEDULE_LATE_S_MAX.
    """
    assert 0 < schedule.due_ns <= now_ns
    # A beginning that lies ahead tells nothing: the clock was set back since.
    begins_ns = max((ns for ns in (since_ns, schedule.since_ns) if ns <= now_ns), default=0)
    begins_ns = max(begins_ns, now_ns - SCHEDULE_LATE_S_MAX * NS_PER_S)
    coming = times(schedule, max(begins_ns, schedule.next_ns) - 1, zone)
    missed = _caught_up(schedule, begins_ns, zone)
    due = [*missed, *itertools.islice(coming, limit + 1)]
    here = list(itertools.takewhile(lambda ns: ns <= now_ns, due))[:limit]
    if not here:
        return (Step(schedule.next_ns, due[0] if due else 0, fires=False),)
    following = [*due[1:], 0]
    return tuple(Step(*pair) for pair in zip(here, following, strict=False))


def _caught_up(schedule: Schedule, before_ns: int, zone: tzinfo) -> Sequence[int]:
    """Of the times that were missed, those that are fired all the same."""
    if schedule.next_ns >= before_ns:
        return ()
    match schedule.definition.catch_up:
        case "none":
            return ()
        case "one":
            return _last_times(schedule, before_ns, zone, 1)
        case "all":
            return _last_times(schedule, before_ns, zone, SCHEDULE_CATCH_UP_MAX)


def _last_times(schedule: Schedule, before_ns: int, zone: tzinfo, count: int) -> Sequence[int]:
    """The last `count` times that are not done with and come before `before_ns`."""
    span_ns = _SPAN_NS
    while True:
        first_ns = max(schedule.next_ns, before_ns - span_ns)
        some = times(schedule, first_ns - 1, zone)
        found = deque(itertools.takewhile(lambda ns: ns < before_ns, some), count)
        if len(found) == count or first_ns == schedule.next_ns:
            return tuple(found)
        span_ns *= _WIDER


def revised(before: Schedule, definition: Definition, zone: tzinfo, now_ns: int) -> Schedule:
    """A schedule as somebody wants it from now on. zone: that of the new definition."""
    after = attrs.evolve(before, definition=definition, updated_ns=now_ns, last_error="")
    was = before.definition
    resumed = was.paused and not definition.paused
    if resumed:
        after = attrs.evolve(after, since_ns=now_ns)
    skips = resumed and definition.catch_up == "none" and before.next_ns < now_ns
    stuck = resumed and not before.next_ns
    if skips or stuck or definition.timing != was.timing:
        after = attrs.evolve(after, next_ns=next_time(after, now_ns, zone))
    return after
