"""The error tree: every way a request, a compile or a start can be refused.

Three kinds of trouble have three mechanisms. How node code ended is a value
(`axiomd.execution.call.Outcome`); a refusal is an exception of this tree, mapped to HTTP
once, in `axiomd.api.app`, and to exit codes once, in `axiomd.cli`; a bug is an assertion.

The docstring of a class is its default message.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import attrs


@attrs.frozen
class Problem:
    """One thing that is wrong with an input, and where."""

    path: str
    """Where: `nodes[2].input`, `input.lines[0]`; empty for the whole document."""
    message: str
    """What is wrong and what would be right, as a sentence fragment."""
    file: str | None = None
    """The file the document was read from, if it was one."""
    line: int | None = None
    """1-based line in `file`."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class AxiomdError(Exception):
    """Something went wrong in axiomd."""

    code: ClassVar[str] = "INTERNAL"
    """The stable code of the error envelope."""
    status: ClassVar[int] = 500
    """The HTTP status it is answered with."""

    def __init__(self, message: str | None = None, *, problems: Iterable[Problem] = ()) -> None:
        self.message = message if message is not None else (type(self).__doc__ or "").split("\n")[0]
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__(self.message)


class Refused(AxiomdError):
    """The request cannot be carried out as it was made."""

    code = "REFUSED"
    status = 400


class Malformed(Refused):
    """The request body is not well formed."""

    code = "MALFORMED"
    status = 400


class Unauthorized(Refused):
    """unauthorized"""

    code = "UNAUTHORIZED"
    status = 401


class LinkUnusable(Refused):
    """This sign-in link cannot be used."""

    code = "LINK_UNUSABLE"
    status = 401


class CsrfFailed(Refused):
    """The header X-CSRF-Token is not that of this session; GET /app/v1/session tells it."""

    code = "CSRF_FAILED"
    status = 403


class Forbidden(Refused):
    """Only the operator may do that: use a key of the tenant `default`, or ask who has one."""

    code = "FORBIDDEN"
    status = 403


class TenantDisabled(Refused):
    """This tenant is disabled: the operator of this box can enable it again."""

    code = "TENANT_DISABLED"
    status = 403


class NotFound(Refused):
    """There is no such thing here."""

    code = "NOT_FOUND"
    status = 404


class MethodNotAllowed(Refused):
    """This route does not take that method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405
    allowed: Sequence[str] = ()
    """The methods that it takes."""


class WrongState(Refused):
    """That cannot be done in the state it is in."""

    code = "WRONG_STATE"
    status = 409


class Occupied(WrongState):
    """A worker has just begun with it; try again at once."""

    code = "OCCUPIED"


class WrongMode(WrongState):
    """The artifact's mode does not fit this endpoint."""

    code = "WRONG_MODE"


class ProfileTaken(WrongState):
    """There is a config for this flow and profile already."""

    code = "PROFILE_TAKEN"


class IdempotencyConflict(WrongState):
    """This Idempotency-Key was used before with another request body."""

    code = "IDEMPOTENCY_CONFLICT"


class TooSlow(Refused):
    """The request did not come in time."""

    code = "TOO_SLOW"
    status = 408


class TooLarge(Refused):
    """The request body is larger than this box takes."""

    code = "TOO_LARGE"
    status = 413


class TargetTooLong(Refused):
    """The path and query of the request are too long."""

    code = "TARGET_TOO_LONG"
    status = 414


class Misdirected(Refused):
    """This box does not answer for that host."""

    code = "MISDIRECTED"
    status = 421


class HeadTooLarge(Refused):
    """The head of the request is too large."""

    code = "HEAD_TOO_LARGE"
    status = 431


class Invalid(Refused):
    """The input is not valid."""

    code = "INVALID"
    status = 422


class CompileFailed(Invalid):
    """The flow does not compile."""

    code = "COMPILE_FAILED"


class NodeFailed(Refused):
    """The node failed."""

    code = "NODE_FAILED"
    status = 422


class TooMany(Refused):
    """rate limit exceeded"""

    code = "TOO_MANY"
    status = 429
    retry_after_s: int = 1


class Unavailable(AxiomdError):
    """axiomd cannot take this now; try again shortly."""

    code = "UNAVAILABLE"
    status = 503
    retry_after_s: int = 1


class Draining(Unavailable):
    """axiomd is shutting down; try again shortly."""

    code = "DRAINING"


class TooManyConnections(Unavailable):
    """All connections that this box takes are in use; try again shortly."""

    code = "TOO_MANY_CONNECTIONS"


class Recovering(Unavailable):
    """axiomd has just started, and takes up what was running; try again shortly."""

    code = "RECOVERING"


class StoreFull(Unavailable):
    """The store cannot grow: the disk or the map is full. Nothing was lost; free some space."""

    code = "STORE_FULL"
    retry_after_s = 5


class KeyFileUnusable(Unavailable):
    """The file with the keys of secrets cannot be used."""

    code = "KEY_FILE_UNUSABLE"
    retry_after_s = 30


class Fenced(AxiomdError):
    """A superseded attempt tried to write."""

    code = "FENCED"


class StoreFailed(AxiomdError):
    """The store failed in a way that only a restart can mend."""

    code = "STORE_FAILED"


class EnvironmentFailed(AxiomdError):
    """A package's environment could not be built."""

    code = "ENVIRONMENT_FAILED"
    status = 422


class SettingsInvalid(AxiomdError):
    """The settings are not valid."""

    code = "SETTINGS_INVALID"


class DataDirBusy(AxiomdError):
    """Another axiomd process is running on this data directory."""

    code = "DATA_DIR_BUSY"
