"""How a refusal is answered: the one place where errors become HTTP."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import structlog

from axiomd.errors import AxiomdError, MethodNotAllowed, Refused, TooMany, Unauthorized, Unavailable
from axiomd.flow.large_json import Leaf, write_pieces

log = structlog.get_logger("axiomd.api")

JSON_TYPE = "application/json"


def envelope(error: AxiomdError) -> dict[str, Any]:
    """The JSON of an error. Two of them are exactly one sentence, by contract."""
    if isinstance(error, Unauthorized | TooMany):
        return {"error": error.message}
    problems = [
        {"path": problem.path, "message": problem.message}
        | ({"file": problem.file} if problem.file else {})
        | ({"line": problem.line} if problem.line else {})
        for problem in error.problems
    ]
    return {"error": error.message, "code": error.code, "problems": problems}


def error_headers(error: AxiomdError) -> dict[str, str]:
    """Headers that go with an error."""
    if isinstance(error, Unavailable | TooMany):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if error.status == Unauthorized.status:
        return {"WWW-Authenticate": "Bearer"}
    return {}


def to_error(failure: Exception, **asked: str) -> AxiomdError:
    """What is answered for any exception; a bug is logged here and answered without details.

    asked: what the request was about, for the log.
    """
    if isinstance(failure, AxiomdError):
        if not isinstance(failure, Refused | Unavailable):
            log.error("answered_500", **asked, error=str(failure), exc_info=failure)
        return failure
    log.error("answered_500", **asked, error=repr(failure), exc_info=failure)
    return AxiomdError("Something went wrong inside axiomd; its log says what.")


def dump(value: Any) -> bytes:
    """JSON bytes."""
    # A refusal may quote half of a surrogate pair, which JSON can only spell as an escape.
    return _text(value).encode(errors="backslashreplace")


def pieces(value: Any, leaves: Sequence[Leaf]) -> Iterator[bytes]:
    """JSON bytes one piece after the other, the leaves read while they are written."""
    return write_pieces(_text(value), leaves)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
