"""What an attempt works with: the owners it was given, and nothing else."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs
import structlog

from axiomd.clock import Clock
from axiomd.engine.tail import Tail
from axiomd.execution.flow_configs import Terms
from axiomd.flow.artifact import Artifact
from axiomd.flow.rules import Rules
from axiomd.ids import Ids
from axiomd.measures import Measures
from axiomd.runners.base import Runner
from axiomd.settings import EngineSettings, LimitsSettings, RetentionSettings
from axiomd.store.blobs import Blobs
from axiomd.store.reader import Reader
from axiomd.store.timetable import Timetable
from axiomd.store.writer import Writer

log = structlog.get_logger("axiomd.engine")


class RunBlocking(Protocol):
    """Runs a blocking function off the event loop; tests run it inline."""

    def __call__(self, function: Callable[..., Any], /, *arguments: Any) -> Awaitable[Any]:
        """The function's result."""
        ...


@attrs.frozen(eq=False)
class Parts:
    """The engine's collaborators."""

    writer: Writer
    reader: Reader
    timetable: Timetable
    blobs: Blobs
    tail: Tail
    runners: Mapping[str, Runner]
    artifact: Callable[[str, str], Artifact]
    """(tenant, artifact ID) to the artifact, cached."""
    rules: Callable[[str, str], Rules]
    """(tenant, artifact ID) to the expressions of its edges, cached."""
    terms: Callable[[str, str, str | None], Terms]
    """(tenant, flow, flow config) to what an execution is given; raises Invalid."""
    clock: Clock
    ids: Ids
    chance: Callable[[], float]
    """A number from 0 to 1, for what is left to it."""
    settings: EngineSettings
    run_blocking: RunBlocking
    retention: RetentionSettings = attrs.field(factory=RetentionSettings)
    limits: LimitsSettings = attrs.field(factory=LimitsSettings)
    """What holds for tenants that have no limits of their own."""
    measures: Measures = attrs.field(factory=Measures)
