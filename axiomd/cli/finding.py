"""What one check of `axiomd doctor` found."""

from typing import Literal

import attrs

Level = Literal["ok", "warn", "fail"]
"""`warn`: axiomd works, but something is weaker than it could be. `fail`: it does not work."""


@attrs.frozen
class Finding:
    """One line of the doctor's."""

    name: str
    level: Level
    text: str
