"""Time zones by name: the only module that reads them, from the machine or from `tzdata`."""

import zoneinfo

from axiomd.strict import unknown

_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})
"""Names that mean something else, or nothing, on another box."""
_SHOWN_CHARACTERS = 64


class NoSuchZone(ValueError):
    """There is no time zone of that name; the message names the nearest one."""


def find_zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone with this IANA name, cached. Raises NoSuchZone."""
    try:
        if name in _OF_THE_MACHINE:
            raise ValueError(name)
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A name may be a directory, or lead out of the one where zones are.
        known = [one for one in zoneinfo.available_timezones() if one not in _OF_THE_MACHINE]
        raise NoSuchZone(_refusal(name, known)) from None


def _refusal(name: str, known: list[str]) -> str:
    # Hundreds of names are no help where none is near.
    shown = name[:_SHOWN_CHARACTERS]
    said, listed, _ = unknown("time zone", shown, known).partition("; known here: ")
    return f"{said}: an IANA name, such as Europe/Zurich" if listed else said
