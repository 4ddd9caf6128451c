"""How commands end: the exit codes, and the refusals that only a command line can make.

The one place where errors become exit codes. Knows nothing of how they are shown.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from axiomd.errors import (
    AxiomdError,
    DataDirBusy,
    KeyFileUnusable,
    Problem,
    SettingsInvalid,
    Unauthorized,
)


class Exit(IntEnum):
    """What a command tells the shell."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    UNAUTHORIZED = 4
    NOT_FOUND = 5
    TIMED_OUT = 6
    BROKEN = 7
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """In words."""
        return _MEANINGS[self]


_MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "done",
    Exit.REFUSED: "refused, not valid, or the execution failed or was cancelled",
    Exit.USAGE: "wrong usage or settings, or the server cannot start with them",
    Exit.UNREACHABLE: "no server answers, or it takes nothing now",
    Exit.UNAUTHORIZED: "no API key, or one that is not valid",
    Exit.NOT_FOUND: "there is no such thing",
    Exit.TIMED_OUT: "not finished in time; the execution goes on",
    Exit.BROKEN: "verify found something broken",
    Exit.INTERRUPTED: "stopped with Ctrl-C",
}

_BY_STATUS: Mapping[int, Exit] = {
    401: Exit.UNAUTHORIZED,
    404: Exit.NOT_FOUND,
    503: Exit.UNREACHABLE,
}


class Unreachable(AxiomdError):
    """No axiomd answers."""

    code = "UNREACHABLE"
    status = 503


class NoKey(Unauthorized):
    """There is no API key to show to the server."""

    code = "NO_KEY"


class AddressUnusable(SettingsInvalid):
    """The address cannot be listened on."""

    code = "ADDRESS_UNUSABLE"


class ServerRefused(AxiomdError):
    """The server refused, in its own words."""

    def __init__(self, status: int, body: object) -> None:
        envelope = body if isinstance(body, Mapping) else {}
        said = envelope.get("error")
        super().__init__(
            said if isinstance(said, str) else f"The server answered with HTTP status {status}.",
            problems=_read_problems(envelope.get("problems")),
        )
        self.answered_status = status
        self.answered_code = str(envelope.get("code") or f"HTTP_{status}")


def _read_problems(told: object) -> Sequence[Problem]:
    listed: list[Any] = told if isinstance(told, list) else []
    return [
        Problem(
            str(problem.get("path", "")),
            str(problem.get("message", "")),
            problem.get("file"),
            problem.get("line"),
        )
        for problem in listed
    ]


def exit_code(error: AxiomdError) -> Exit:
    """The exit code of an error."""
    if isinstance(error, SettingsInvalid | DataDirBusy | KeyFileUnusable):
        return Exit.USAGE
    status = error.answered_status if isinstance(error, ServerRefused) else error.status
    return _BY_STATUS.get(status, Exit.REFUSED)


def wire_code(error: AxiomdError) -> str:
    """The stable code of an error, the server's own where it refused."""
    return error.answered_code if isinstance(error, ServerRefused) else error.code


def hint(error: AxiomdError) -> str | None:
    """What to do about it, where there is something better than reading the error again."""
    if isinstance(error, Unreachable):
        return "start one with `axiomd serve`, or name another with --url or AXIOMD_URL"
    if exit_code(error) is Exit.UNAUTHORIZED:
        return (
            "a server shows a key at its first start; on its machine `axiomd keys create "
            "--name NAME` makes another. Pass it with --key or AXIOMD_API_KEY, or keep it with "
            "`axiomd login`"
        )
    return None
