"""Schedules for tests, and what became of them."""

from collections import Counter
from typing import Any

import attrs
from worlds.flows import TENANT, Story, flow
from worlds.invariants import stored_executions

from axiomd.execution.schedules import Definition, Schedule, Timing
from axiomd.store.acts import Actor
from axiomd.store.env import Store

SCHEDULE_ID = "01JX5M4ZV8QK3T0B9N2R7C6D1E"
TICKING = Story(flow("tick"))
"""One node: what fires is what is looked at, not what it runs."""
SOMEBODY = Actor("somebody", TENANT)


def definition(timing: Timing, **changes: Any) -> Definition:
    """A schedule of the story of one node."""
    artifact = TICKING.artifact
    made = Definition("tick", artifact.graph_id, artifact.flow, b"tick", timing)
    return attrs.evolve(made, **changes)


def schedule(timing: Timing, created_ns: int = 1, **changes: Any) -> Schedule:
    """A schedule as it is stored; `changes` may be of the schedule or of its definition."""
    own = {field.name for field in attrs.fields(Schedule)}
    of_schedule = {name: value for name, value in changes.items() if name in own}
    asked = {name: value for name, value in changes.items() if name not in own}
    made = Schedule(SCHEDULE_ID, TENANT, definition(timing, **asked), created_ns, created_ns)
    return attrs.evolve(made, **of_schedule)


def fired(store: Store) -> Counter[int]:
    """How many executions there are for each time of a schedule."""
    return Counter(one.scheduled_ns for one in stored_executions(store) if one.schedule_id)
