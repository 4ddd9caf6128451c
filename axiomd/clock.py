"""Wall time enters axiomd here and nowhere else, so that tests can hold it."""

import time
from datetime import UTC, datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_HOUR = 3_600 * NS_PER_S
S_PER_DAY = 86_400
NS_PER_DAY = S_PER_DAY * NS_PER_S
LOOK_AGAIN_S = 30.0
"""The longest sleep towards a wall time: somebody may set the clock meanwhile."""


class Clock(Protocol):
    """What tells the wall time."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()


def rfc3339(ns: int) -> str:
    """`ns` since the epoch as RFC 3339 UTC with milliseconds: `2026-03-01T09:30:00.125Z`."""
    seconds, rest = divmod(ns, NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // NS_PER_MS:03d}Z"


def parse_rfc3339(text: str) -> int:
    """The nanoseconds since the epoch of an RFC 3339 time; without an offset it means UTC.

    Raises ValueError when `text` is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * NS_PER_S + moment.microsecond * 1_000
