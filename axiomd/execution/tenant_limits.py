"""How much a tenant may ask for and have running: what the box says, and what is its own."""

from typing import Any

import attrs

from axiomd.settings import LimitsSettings, is_count, is_rate


def _or_none(check: Any) -> Any:
    return attrs.validators.optional(check)


@attrs.frozen
class OwnLimits:
    """What is set for one tenant; None is as for everybody."""

    requests_per_s: float | None = attrs.field(default=None, validator=_or_none(is_rate))
    requests_burst: int | None = attrs.field(default=None, validator=_or_none(is_count))
    invocations_per_s: float | None = attrs.field(default=None, validator=_or_none(is_rate))
    invocations_burst: int | None = attrs.field(default=None, validator=_or_none(is_count))
    executions_max: int | None = attrs.field(default=None, validator=_or_none(is_count))
    flow_executions_max: int | None = attrs.field(default=None, validator=_or_none(is_count))

    @property
    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}


def in_force(box: LimitsSettings, own: OwnLimits) -> LimitsSettings:
    """What holds for a tenant: its own where it has some, the box's elsewhere."""
    return attrs.evolve(box, **own.given)
