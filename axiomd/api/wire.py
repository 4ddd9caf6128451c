"""Request bodies: strict in. The gate of the edge; behind it, types are trusted."""

import json
from typing import Annotated, Any, Literal, TypeVar

import attrs

from axiomd.api.schema import Words
from axiomd.clock import parse_rfc3339
from axiomd.errors import Invalid, Malformed, NotFound, Problem
from axiomd.execution.position import parse_position
from axiomd.execution.status import Status
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import (
    COMMENT_CHARACTERS_MAX,
    KEY_NAME_CHARACTERS_MAX,
    PAGE_ROWS_MAX,
    PRIORITY_DEFAULT,
    PRIORITY_MAX,
)
from axiomd.store.reader import ListFilter
from axiomd.strict import structure, unknown

T = TypeVar("T")

_NOT_VALID = "The request body is not valid."

WAIT_S_DEFAULT = 30.0
WAIT_S_MIN = 0.1
WAIT_S_MAX = 3600.0
_QUOTED_CHARS = 64
"""Of what was not understood, the most that is quoted."""
_DIGITS_MAX = 18


Priority = Annotated[int, Words(minimum=0, maximum=PRIORITY_MAX)]
WaitSeconds = Annotated[float, Words(minimum=WAIT_S_MIN, maximum=WAIT_S_MAX)]
Comment = Annotated[str, Words(maxLength=COMMENT_CHARACTERS_MAX)]


@attrs.frozen
class WebhookBody:
    """Where somebody wants to be told."""

    url: str
    """`http` or `https`, to a public address unless the box allows others."""
    headers: dict[str, str] = attrs.field(factory=dict)
    """What is sent along."""


@attrs.frozen
class InvokeBody:
    """What a unary execution is started with."""

    graph_id: str
    """The artifact that runs."""
    input: object = attrs.field(factory=dict)
    """Its input message."""
    wait: bool = False
    """Whether the answer comes when the execution has ended, with its result."""
    timeout_seconds: WaitSeconds = WAIT_S_DEFAULT
    """How long it waits; the execution goes on then."""
    webhook: WebhookBody | None = None
    """Who is told of its end."""
    config_id: str | None = None
    """The flow config that holds for it, one of its flow or of all flows."""
    priority: Priority = PRIORITY_DEFAULT
    """Of what waits of one tenant, the higher goes first, then the older."""


@attrs.frozen
class StreamBody:
    """What a pipeline execution is started with."""

    graph_id: str
    """The artifact that runs."""
    input: object = attrs.field(factory=dict)
    """Its input message."""
    timeout_seconds: WaitSeconds = WAIT_S_DEFAULT
    """How long the stream may take; the execution goes on then."""
    webhook: WebhookBody | None = None
    """Who is told of its end."""
    config_id: str | None = None
    """The flow config that holds for it, one of its flow or of all flows."""
    priority: Priority = PRIORITY_DEFAULT
    """Of what waits of one tenant, the higher goes first, then the older."""


@attrs.frozen
class SettleBody:
    """Whether a node visit in doubt has happened."""

    position: str
    """The node visit in doubt, as text."""
    happened: bool
    output: object = None
    """What it returned, if it has happened."""
    comment: Comment = ""


@attrs.frozen
class ResumeBody:
    """An answer for a paused node visit."""

    decision: Literal["approve", "reject"]
    value: object = None
    """The input of the visit, if it goes on with another one."""
    comment: Comment = ""


@attrs.frozen
class NewKeyBody:
    """What a new API key is called, and whose it is."""

    name: Annotated[str, Words(minLength=1, maxLength=KEY_NAME_CHARACTERS_MAX)]
    """Printable text on one line."""
    tenant: str | None = None
    """Whose it is, if not the caller's: for keys of the operator."""


@attrs.frozen
class SignInBody:
    """Who signs in: exactly one of these."""

    key: str | None = None
    token: str | None = None
    """Of a sign-in link."""


def read_json(body: bytes) -> Any:
    """A request body as plain data; Malformed with the position if it is no JSON."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as failure:
        raise Malformed(f"The body is not UTF-8 (byte {failure.start}).") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    except json.JSONDecodeError as failure:
        place = f"line {failure.lineno}, column {failure.colno}"
        raise Malformed(f"The body is not JSON: {failure.msg} ({place}).") from None
    except ValueError as failure:
        # A number with more digits than the interpreter converts, or a constant.
        raise Malformed(f"The body is not JSON: {failure}") from None


def read_body(body: bytes, cls: type[T]) -> T:
    """A request body as a `cls`; Malformed, or Invalid with every problem."""
    return structure(read_json(body), cls, title=_NOT_VALID)


def read_invoke(body: bytes, cls: type[T]) -> T:
    """An invocation's body."""
    read = read_body(body, cls)
    assert isinstance(read, InvokeBody | StreamBody)
    if not WAIT_S_MIN <= read.timeout_seconds <= WAIT_S_MAX:
        words = f"must be from {WAIT_S_MIN} to {WAIT_S_MAX:.0f}, not {read.timeout_seconds}"
        problems = [Problem("timeout_seconds", words)]
        raise Invalid(_NOT_VALID, problems=problems)
    check_priority(read.priority)
    if not ARTIFACT_ID.fullmatch(read.graph_id):
        raise NotFound(f"There is no artifact {read.graph_id[:_QUOTED_CHARS]!r}.")
    return read


def check_priority(priority: int) -> None:
    """Raise Invalid if there is no such priority."""
    if not 0 <= priority <= PRIORITY_MAX:
        words = f"must be from 0 to {PRIORITY_MAX}, not {str(priority)[:_QUOTED_CHARS]}"
        raise Invalid(_NOT_VALID, problems=[Problem("priority", words)])


def read_new_key(body: bytes) -> NewKeyBody:
    """The body that asks for a new key."""
    read = read_body(body, NewKeyBody)
    if not read.name.isprintable():
        problems = [Problem("name", "must be printable text on one line")]
        raise Invalid("The key needs a name.", problems=problems)
    return read


def read_sign_in(body: bytes) -> SignInBody:
    """The body that signs a browser in."""
    read = read_body(body, SignInBody)
    if (read.key is None) == (read.token is None):
        problems = [Problem("key", "either a key or the token of a link, exactly one of them")]
        raise Invalid(_NOT_VALID, problems=problems)
    return read


def read_settle(body: bytes) -> SettleBody:
    """The body that settles a node visit in doubt."""
    read = read_body(body, SettleBody)
    problems = []
    if read.happened and read.output is None:
        problems.append(Problem("output", "is required of what has happened"))
    if not read.happened and read.output is not None:
        problems.append(Problem("output", "cannot be given of what has not happened"))
    try:
        parse_position(read.position)
    except ValueError as failure:
        problems.append(Problem("position", str(failure)))
    problems += _comment_problems(read.comment)
    if problems:
        raise Invalid(_NOT_VALID, problems=problems)
    return read


def read_resume(body: bytes) -> ResumeBody:
    """The body that answers for a paused node visit."""
    read = read_body(body, ResumeBody)
    problems = _comment_problems(read.comment)
    if read.decision == "reject" and read.value is not None:
        problems.append(Problem("value", "cannot be given of what is rejected"))
    if problems:
        raise Invalid(_NOT_VALID, problems=problems)
    return read


def _comment_problems(comment: str) -> list[Problem]:
    if len(comment) <= COMMENT_CHARACTERS_MAX:
        return []
    return [Problem("comment", f"has more than {COMMENT_CHARACTERS_MAX} characters")]


class Query:
    """The query of a request: each parameter read once, what nobody reads refused."""

    def __init__(self, parameters: dict[str, list[str]], known: tuple[str, ...]) -> None:
        self._given = parameters
        self._problems = [
            Problem(name, unknown("parameter", name, known))
            for name in parameters
            if name not in known
        ]

    def text(self, name: str) -> str | None:
        """The last value given."""
        return self._given[name][-1] if name in self._given else None

    def number(self, name: str, default: int, most: int, least: int = 0) -> int:
        """A whole number from `least` to `most`."""
        text = self.text(name)
        if text is None:
            return default
        # Not one of thousands of digits: the interpreter refuses to convert those.
        readable = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
        if not readable or not least <= int(text) <= most:
            said = repr(text[:_QUOTED_CHARS])
            words = f"must be a whole number from {least} to {most}, not {said}"
            self._problems.append(Problem(name, words))
            return default
        return int(text)

    def flag(self, name: str) -> bool:
        """Whether it is `true`; not given is `false`."""
        text = self.text(name)
        if text not in (None, "true", "false"):
            said = repr(text[:_QUOTED_CHARS])
            self._problems.append(Problem(name, f"must be true or false, not {said}"))
        return text == "true"

    def time_ns(self, name: str, default: int) -> int:
        """An RFC 3339 time as nanoseconds."""
        text = self.text(name)
        if text is None:
            return default
        try:
            return max(0, parse_rfc3339(text.replace(" ", "+")))
        except (ValueError, OverflowError):
            words = f"must be a time such as 2026-03-01T09:30:00Z, not {text!r}"
            self._problems.append(Problem(name, words))
            return default

    def statuses(self, name: str) -> frozenset[Status]:
        """Statuses, given one by one or with commas."""
        words = [word for text in self._given.get(name, ()) for word in text.split(",") if word]
        known = {status.value: status for status in Status}
        for word in words:
            if word.upper() not in known:
                self._problems.append(Problem(name, unknown("status", word, known)))
        return frozenset(known[word.upper()] for word in words if word.upper() in known)

    def check(self) -> None:
        """Raise Invalid with everything that was wrong."""
        if self._problems:
            raise Invalid("The query is not valid.", problems=self._problems)


PAGE_ROWS = 100
"""Rows of a list of the catalog, unless the request says otherwise."""
PAGE_PARAMETERS = ("limit", "cursor")
LIST_PARAMETERS = (
    *("status", "flow", "schedule_id", "started_after", "started_before", "q"),
    *PAGE_PARAMETERS,
)


def read_list_filter(query: Query) -> tuple[ListFilter, int, str | None]:
    """What a list of executions wants: filter, rows, cursor."""
    wanted = ListFilter(
        statuses=query.statuses("status"),
        flow=query.text("flow") or "",
        created_from_ns=query.time_ns("started_after", 0),
        created_until_ns=query.time_ns("started_before", 2**63),
        text=(query.text("q") or "").strip().lower(),
        schedule_id=query.text("schedule_id") or "",
    )
    limit = query.number("limit", 50, PAGE_ROWS_MAX, least=1)
    cursor = query.text("cursor") or None
    query.check()
    return wanted, limit, cursor


def read_page(query: Query) -> tuple[int, str | None]:
    """Rows and cursor of a list of the catalog."""
    limit = query.number("limit", PAGE_ROWS, PAGE_ROWS_MAX, least=1)
    cursor = query.text("cursor") or None
    query.check()
    return limit, cursor


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
