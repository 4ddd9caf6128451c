"""Cron expressions: the only module that knows the library that reads them.

Five fields, or one of the names below. Times of a fixed minute and hour follow the clock on the
wall as cron does: in the hour that is left out in spring they come right behind it, in the hour
that is repeated in autumn they come the first time. Where the minute or the hour is a star, or a
step of it, real time counts: nothing comes of an hour that is left out, and twice as much of one
that is repeated.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

from axiomd.clock import NS_PER_S
from axiomd.limits import CRON_CHARACTERS_MAX
from axiomd.strict import unknown

NAMED: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = "minute, hour, day of the month, month, weekday, such as `30 4 * * MON-FRI`"
_FIELD_COUNT = 5
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def cron_problem(text: str) -> str | None:
    """What is wrong with an expression, as a sentence fragment; None if nothing is."""
    if len(text) > CRON_CHARACTERS_MAX:
        return f"has more than {CRON_CHARACTERS_MAX} characters"
    if text.startswith("@"):
        return None if text.lower() in NAMED else unknown("name", text, NAMED)
    fields = len(text.split())
    if fields != _FIELD_COUNT:
        return f"has {fields} field{'' if fields == 1 else 's'}, not five: {_FIELDS}"
    try:
        next(CronSim(text, _SOME_TIME))
    except CronSimError as failure:
        return f"cannot be read: {str(failure).lower()}; five fields: {_FIELDS}"
    except StopIteration:
        return "never comes, not within fifty years"
    return None


def cron_times(text: str, after_ns: int, zone: tzinfo) -> Iterator[int]:
    """Every time after `after_ns`, as nanoseconds since the epoch, in their order.

    text: an expression that has no problem.
    """
    expression = NAMED.get(text.lower(), text)
    last_ns = after_ns
    for found in CronSim(expression, datetime.fromtimestamp(after_ns // NS_PER_S, zone)):
        ns = int(found.timestamp()) * NS_PER_S
        # In a repeated hour the library takes up a fixed time where it came first.
        if ns > last_ns:
            yield ns
            last_ns = ns
