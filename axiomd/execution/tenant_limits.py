"""How much a tenant may ask for and have running: what the box says, and what is its own."""

from collections.abc import Iterator
from typing import Any

import attrs

from axiomd.errors import Problem
from axiomd.limits import RATE_MAX
from axiomd.settings import LimitsSettings

_BOUNDS = {"schema": {"minimum": 0, "maximum": RATE_MAX}}


@attrs.frozen
class OwnLimits:
    """What is set for one tenant; null is as for everybody."""

    requests_per_s: float | None = attrs.field(default=None, metadata=_BOUNDS)
    """Requests a second on any routes, on average; 0 for no bound."""
    requests_burst: int | None = attrs.field(default=None, metadata=_BOUNDS)
    """Requests that may come at once after a silence; 0 for those of one second."""
    invocations_per_s: float | None = attrs.field(default=None, metadata=_BOUNDS)
    """Requests a second that start executions or nodes, on average; 0 for no bound."""
    invocations_burst: int | None = attrs.field(default=None, metadata=_BOUNDS)
    """Such requests that may come at once after a silence; 0 for those of one second."""
    executions_max: int | None = attrs.field(default=None, metadata=_BOUNDS)
    """Executions that workers have at a time; more stay queued; 0 for no bound."""
    flow_executions_max: int | None = attrs.field(default=None, metadata=_BOUNDS)
    """The same of each flow; 0 for no bound."""

    @property
    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}

    def problems(self) -> Iterator[Problem]:
        """What cannot be."""
        for name, value in self.given.items():
            if not 0 <= value <= RATE_MAX:
                yield Problem(name, f"must be from 0 to {RATE_MAX}, not {value}")


def in_force(box: LimitsSettings, own: OwnLimits) -> LimitsSettings:
    """What holds for a tenant: its own where it has some, the box's elsewhere."""
    return attrs.evolve(box, **own.given)
