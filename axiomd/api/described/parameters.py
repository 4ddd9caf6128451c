"""Parameters that several routes take, described once."""

from collections.abc import Sequence

from axiomd.api.described.route import Parameter
from axiomd.api.wire import PAGE_ROWS
from axiomd.flow.package import NODE_NAME, PACKAGE_NAME, SECRET_NAME, VERSION
from axiomd.flow.source import ALIAS, ALIAS_CHARS_MAX
from axiomd.ids import ARTIFACT_ID, EXECUTION_ID, SCHEDULE_ID, TENANT_ID
from axiomd.limits import PAGE_ROWS_MAX

_EXECUTION_ID = "019a3c5d7e8f0123456789abcdef0123"
_LABEL = PACKAGE_NAME.pattern.split("/")[0]


def text(name: str, about: str, pattern: str = "", example: str | None = None) -> Parameter:
    """A parameter that is a text."""
    schema = {"type": "string", **({"pattern": f"^{pattern}$"} if pattern else {})}
    return Parameter(name, about, schema, example)


def several(name: str, about: str, known: Sequence[str]) -> Parameter:
    """A parameter that is a list of words, with commas."""
    words = {"type": "array", "items": {"type": "string", "enum": list(known)}}
    return Parameter(name, about, words, list(known[:1]), commas=True)


def number(name: str, about: str, default: int, least: int, most: int) -> Parameter:
    """A parameter that is a whole number."""
    bounds = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name, about, bounds)


PATH_PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        text("execution_id", "An execution.", EXECUTION_ID.pattern, _EXECUTION_ID),
        text("graph_id", "An artifact.", ARTIFACT_ID.pattern, "01JX5M4ZV8QK3T0B9N2R7C6D1E"),
        text("pause", "A pause, by its `pause_id`.", "", "b1946ac92492d234"),
        text("handle", "Whose it is: the part before the slash.", _LABEL, "acme"),
        text("name", "The part of a name behind the slash.", _LABEL, "orders"),
        text("package", "The part of the package's name behind the slash.", _LABEL, "orders"),
        text("version", "A version of the package.", VERSION.pattern, "1.4.2"),
        text("node", "A node of the package.", NODE_NAME.pattern, "PriceOrder"),
        text("tenant", "A tenant, by its ID.", TENANT_ID.pattern, "acme"),
        text("first8", "The first eight characters of a key.", "[0-9a-f]{8}", "3f9a0c11"),
        text(
            "secret_name",
            "A secret's name.",
            SECRET_NAME.pattern,
            "PAYMENT_KEY",
        ),
        text("config_id", "A flow config.", ARTIFACT_ID.pattern, "01JX5M4ZV8QK3T0B9N2R7C6D1E"),
        text("webhook_id", "A webhook.", ARTIFACT_ID.pattern, "01JX5M4ZV8QK3T0B9N2R7C6D1E"),
        text("schedule_id", "A schedule.", SCHEDULE_ID.pattern, "01JX5M4ZV8QK3T0B9N2R7C6D1E"),
        text(
            "delivery_id",
            "A delivery.",
            "msg_[0-9a-f]{32}_[0-9a-f]{24}",
            f"msg_{_EXECUTION_ID}_{'0' * 24}",
        ),
    )
}
"""What stands in braces in a path."""


def page(default: int = PAGE_ROWS) -> tuple[Parameter, Parameter]:
    """How a list is taken page by page."""
    return (
        number("limit", "Rows of a page, at most.", default, 1, PAGE_ROWS_MAX),
        CURSOR,
    )


NUMBER_CURSOR = number("cursor", "The `next_cursor` of the page before.", 0, 0, 2**31)
CURSOR = text("cursor", "The `next_cursor` of the page before.")
NODE = text(
    "node", "Alias of a placement.", f"(?=.{{1,{ALIAS_CHARS_MAX}}}$){ALIAS.pattern}", "price"
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "The same key with the same body is the same execution; with another body it is a 409.",
    example="order A-17",
)
LAST_EVENT_ID = Parameter(
    "Last-Event-ID",
    "The `id` of the last event that was seen: the stream goes on behind it.",
    {"type": "integer", "minimum": 0, "maximum": 999_999_999},
)
