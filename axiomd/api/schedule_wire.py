"""Schedules as requests describe them, checked: every problem at once, each with its path."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypedDict

import attrs

from axiomd.api.box import Box
from axiomd.api.invoke import find_terms
from axiomd.api.schema import Words
from axiomd.api.shapes import GraphId, Moment
from axiomd.api.views import moment
from axiomd.api.wire import Priority, check_priority, read_json
from axiomd.clock import NS_PER_MS, parse_rfc3339
from axiomd.engine.catalog import LoadedArtifact
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.execution.cron import cron_problem
from axiomd.execution.schedules import CatchUp, Definition, Overlap, Schedule, Timing
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import (
    CRON_CHARACTERS_MAX,
    PRIORITY_DEFAULT,
    SCHEDULE_EVERY_S_MAX,
    SCHEDULE_INPUT_BYTES_MAX,
    SCHEDULE_NAME_CHARACTERS_MAX,
)
from axiomd.strict import structure
from axiomd.zones import NoSuchZone, find_zone

_TIMES = ("cron", "every_seconds")
_TIME_NS_MAX = parse_rfc3339("2200-01-01")
_TITLE = "The schedule is not valid."


Name = Annotated[str, Words(minLength=1, maxLength=SCHEDULE_NAME_CHARACTERS_MAX)]
Cron = Annotated[str, Words(maxLength=CRON_CHARACTERS_MAX, examples=["30 4 * * MON-FRI"])]
EverySeconds = Annotated[int, Words(minimum=1, maximum=SCHEDULE_EVERY_S_MAX)]
Zone = Annotated[str, Words(examples=["Europe/Zurich"])]


@attrs.frozen
class ScheduleBody:
    """What is invoked when: by exactly one of `cron` and `every_seconds`."""

    name: Name
    """Printable text on one line."""
    graph_id: str
    """The artifact that runs, unary or a pipeline."""
    input: object = attrs.field(factory=dict)
    """Its input message."""
    cron: Cron | None = None
    """Five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`."""
    every_seconds: EverySeconds | None = None
    """An interval, counted from `starts_at`, else from the creation."""
    time_zone: Zone = "UTC"
    """IANA name, for `cron`."""
    catch_up: CatchUp = "none"
    """Of times that were missed: nothing, one execution for all, one for each."""
    overlap: Overlap = "allow"
    """Whether it fires while its last execution has not ended."""
    paused: bool = False
    """Whether it fires nothing until it is resumed."""
    config_id: str | None = None
    """The flow config that its executions are given."""
    priority: Priority = PRIORITY_DEFAULT
    """That of its executions."""
    starts_at: Moment | None = None
    """No time is before it."""
    ends_at: Moment | None = None
    """No time is at it or after it."""


@attrs.frozen
class ScheduleChangeBody:
    """What changes of a schedule; what is left out stays.

    A new `cron` takes the place of `every_seconds`, and the other way round. Null takes a bound
    away, and leaves whatever a schedule must have.
    """

    name: Name | None = None
    graph_id: str | None = None
    input: object = None
    cron: Cron | None = None
    every_seconds: EverySeconds | None = None
    time_zone: Zone | None = None
    catch_up: CatchUp | None = None
    overlap: Overlap | None = None
    paused: bool | None = None
    config_id: str | None = None
    priority: Priority | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None


_MAY_GO = frozenset({"cron", "every_seconds", "config_id", "starts_at", "ends_at"})


def read_schedule(box: Box, tenant: str, body: bytes) -> Definition:
    """A new schedule. Raises Malformed, Invalid with every problem, NotFound of the artifact."""
    return _read(box, tenant, structure(read_json(body), ScheduleBody, title=_TITLE), None)


def read_change(box: Box, before: Schedule, body: bytes) -> Definition:
    """A schedule with what a request gives; the rest stays. Raises as `read_schedule` does."""
    said = read_json(body)
    structure(said, ScheduleChangeBody, title=_TITLE)
    given = {key: value for key, value in said.items() if value is not None or key in _MAY_GO}
    was = before.definition
    same = "input" not in given and given.get("graph_id", was.graph_id) == was.graph_id
    document = {**definition_view(before, show_input(box, before)), **given}
    for one, other in (_TIMES, _TIMES[::-1]):
        if given.get(one) is not None and given.get(other) is None:
            # Whoever names a new way leaves the old one.
            document[other] = None
    read = structure(document, ScheduleBody, title=_TITLE)
    return _read(box, before.tenant, read, was.content if same else None)


def show_input(box: Box, schedule: Schedule) -> Any:
    """The input that a schedule gives; null if its artifact is gone."""
    definition = schedule.definition
    try:
        loaded = box.catalog.load(schedule.tenant, definition.graph_id)
    except NotFound:
        return None
    return loaded.entry.to_json(definition.content)


class DefinitionView(TypedDict):
    """What a schedule was asked to be: the body that would make it."""

    name: str
    graph_id: GraphId
    input: Any
    cron: str | None
    every_seconds: int | None
    time_zone: str
    catch_up: CatchUp
    overlap: Overlap
    paused: bool
    config_id: str | None
    priority: int
    starts_at: Moment | None
    ends_at: Moment | None


def definition_view(schedule: Schedule, given: object) -> DefinitionView:
    """The body that would make a schedule. given: its input, as JSON."""
    definition, timing = schedule.definition, schedule.definition.timing
    return {
        "name": definition.name,
        "graph_id": definition.graph_id,
        "input": given,
        "cron": timing.cron or None,
        "every_seconds": timing.every_s or None,
        "time_zone": timing.time_zone,
        "catch_up": definition.catch_up,
        "overlap": definition.overlap,
        "paused": definition.paused,
        "config_id": definition.config_id or None,
        "priority": definition.priority,
        "starts_at": moment(timing.starts_ns),
        "ends_at": moment(timing.ends_ns),
    }


def _read(box: Box, tenant: str, read: ScheduleBody, content: bytes | None) -> Definition:
    """content: the input as bytes, if it has been checked before."""
    if not ARTIFACT_ID.fullmatch(read.graph_id):
        raise NotFound("There is no such artifact.")
    loaded = box.catalog.load(tenant, read.graph_id)
    check_priority(read.priority)
    problems = [*_name_problems(read.name), *_timing_problems(read)]
    problems += _config_problems(box, loaded, read.config_id)
    if content is None:
        content = _read_input(loaded, read.input, problems)
    if problems:
        raise Invalid(_TITLE, problems=problems)
    return Definition(
        name=read.name,
        graph_id=read.graph_id,
        flow=loaded.artifact.flow,
        content=content,
        timing=_timing(read),
        catch_up=read.catch_up,
        overlap=read.overlap,
        paused=read.paused,
        config_id=read.config_id or "",
        priority=read.priority,
    )


def _config_problems(box: Box, loaded: LoadedArtifact, config_id: str | None) -> Sequence[Problem]:
    try:
        find_terms(box, loaded.artifact, config_id)
    except Invalid as refusal:
        return refusal.problems
    return ()


def _name_problems(name: str) -> Iterator[Problem]:
    if not name.strip() or not name.isprintable():
        yield Problem("name", "must be printable text on one line")
    elif len(name) > SCHEDULE_NAME_CHARACTERS_MAX:
        yield Problem("name", f"has more than {SCHEDULE_NAME_CHARACTERS_MAX} characters")


def _read_input(loaded: LoadedArtifact, given: object, problems: list[Problem]) -> bytes:
    """The input as bytes; adds to `problems` what is wrong with it."""
    try:
        content = loaded.entry.parse_json(given)
    except Invalid as refusal:
        problems += refusal.problems
        return b""
    if len(content) > SCHEDULE_INPUT_BYTES_MAX:
        words = f"has {len(content)} bytes as a message; {SCHEDULE_INPUT_BYTES_MAX} are the most"
        problems.append(Problem("input", words))
    return content


def _timing_problems(read: ScheduleBody) -> Iterator[Problem]:
    if (read.cron is None) == (read.every_seconds is None):
        yield Problem("cron", "either a cron expression or every_seconds, exactly one of them")
    words = cron_problem(read.cron) if read.cron is not None else None
    if words is not None:
        yield Problem("cron", words)
    if read.every_seconds is not None and not 1 <= read.every_seconds <= SCHEDULE_EVERY_S_MAX:
        words = f"must be from 1 to {SCHEDULE_EVERY_S_MAX}, not {read.every_seconds}"
        yield Problem("every_seconds", words)
    try:
        find_zone(read.time_zone)
    except NoSuchZone as failure:
        yield Problem("time_zone", str(failure))
    bounds = {}
    for name, text in (("starts_at", read.starts_at), ("ends_at", read.ends_at)):
        try:
            bounds[name] = _time_ns(text)
        except (ValueError, OverflowError):
            words = f"must be a time such as 2026-12-01T09:30:00Z, before 2200, not {text!r}"
            yield Problem(name, words)
    if len(bounds) == 2 and 0 < bounds["ends_at"] <= bounds["starts_at"]:
        yield Problem("ends_at", "must be after starts_at")


def _time_ns(text: str | None) -> int:
    """0 for none; to the millisecond, as it is shown. Raises ValueError, OverflowError."""
    if text is None:
        return 0
    ns = parse_rfc3339(text)
    if not 0 < ns < _TIME_NS_MAX:
        raise ValueError(text)
    return ns - ns % NS_PER_MS


def _timing(read: ScheduleBody) -> Timing:
    return Timing(
        cron=read.cron or "",
        every_s=read.every_seconds or 0,
        time_zone=read.time_zone,
        starts_ns=_time_ns(read.starts_at),
        ends_ns=_time_ns(read.ends_at),
    )
