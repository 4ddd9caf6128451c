"""What is told of a route: one `Route` for each, from which the API documents are generated."""

from typing import Any, Literal

import attrs

from axiomd.api.schema import Schema
from axiomd.errors import (
    AxiomdError,
    CsrfFailed,
    HeadTooLarge,
    Invalid,
    Malformed,
    Misdirected,
    NotFound,
    Recovering,
    StoreFull,
    TargetTooLong,
    TenantDisabled,
    TooLarge,
    TooMany,
    TooManyConnections,
    TooSlow,
    Unauthorized,
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Where = Literal["path", "query", "header"]

JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream"

_OF_ANY_REQUEST = (TooSlow, TargetTooLong, Misdirected, HeadTooLarge, TooManyConnections)
"""What its head, or its connection, may be refused for before its route is looked at."""


@attrs.frozen
class Parameter:
    """A parameter of a request."""

    name: str
    about: str
    schema: Schema = attrs.field(factory=lambda: {"type": "string"})
    example: Any = None
    required: bool = False
    commas: bool = False
    """Whether several values stand in one, with commas."""


@attrs.frozen
class Page:
    """A page of a list: `{"<plural>": […], "next_cursor"}`."""

    plural: str
    item: Any
    """The type of its rows."""


@attrs.frozen
class Content:
    """A body that is no JSON, or one of several that are taken."""

    media_type: str
    schema: Schema
    example: Any = None


DOCUMENT = Content(JSON_TYPE, {"type": "object", "required": ["openapi", "info", "paths"]})
"""An API document."""


@attrs.frozen
class Body:
    """What a request brings."""

    about: str
    kind: Any = None
    """The class that it is parsed into; None if it is only what `others` say."""
    example: Any = None
    others: tuple[Content, ...] = ()
    """Further content types."""
    required: bool = True


@attrs.frozen
class Answer:
    """An answer that is no refusal."""

    status: int
    about: str
    kind: Any = None
    """The type of its JSON, or a Page; None if it has none."""
    example: Any = None
    events: tuple[Any, ...] = ()
    """Types of the `data` of its events, if it is a stream or, by `Accept`, may be one."""
    others: tuple[Content, ...] = ()
    """Further content types."""
    headers: tuple[Parameter, ...] = ()


@attrs.frozen
class Route:
    """One route as it is described."""

    method: Method
    path: str
    """Its parameters in braces; `PATH_PARAMETERS` says what they are."""
    operation_id: str
    summary: str
    """What it does, as a sentence without a full stop."""
    answers: tuple[Answer, ...]
    tag: str
    about: str = ""
    """What else there is to know, in Markdown."""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None
    refusals: tuple[type[AxiomdError], ...] = ()
    """What it refuses with, beside what every route of its kind does."""
    keyed: bool = True
    """Whether it wants a key, or a session."""
    extensions: dict[str, Any] = attrs.field(factory=dict)
    """Further keywords of the operation, `x-…`."""

    def all_refusals(self) -> tuple[type[AxiomdError], ...]:
        """Every refusal, each once."""
        found = [*self.refusals]
        if self.keyed:
            found += [Unauthorized, TenantDisabled, Invalid, TooMany, Recovering]
            found += [CsrfFailed, StoreFull] if self.method != "GET" else []
        if "{" in self.path:
            found.append(NotFound)
        if self.query or self.body is not None:
            found.append(Malformed)
        if self.body is not None:
            found += [Invalid, TooLarge]
        return tuple(dict.fromkeys([*found, *_OF_ANY_REQUEST, AxiomdError]))
