"""How much a tenant may ask for and have running: what the box says, and what is its own."""

from collections.abc import Iterator
from typing import Any

import attrs

from axiomd.errors import Problem
from axiomd.settings import LimitsSettings


@attrs.frozen
class OwnLimits:
    """What is set for one tenant; None is as for everybody. By the names of the settings."""

    requests_per_s: float | None = None
    requests_burst: int | None = None
    invocations_per_s: float | None = None
    invocations_burst: int | None = None
    executions_max: int | None = None
    flow_executions_max: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}

    def problems(self) -> Iterator[Problem]:
        """What cannot be: the bounds are those of the settings."""
        for name, value in self.given.items():
            field = getattr(attrs.fields(LimitsSettings), name)
            try:
                field.validator(self, field, value)
            except ValueError as failure:
                yield Problem(name, str(failure).removeprefix(f"{name} "))


def in_force(box: LimitsSettings, own: OwnLimits) -> LimitsSettings:
    """What holds for a tenant: its own where it has some, the box's elsewhere."""
    return attrs.evolve(box, **own.given)
