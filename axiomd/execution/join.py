"""When a gate opens: one table, over what is known of its arms."""

from collections.abc import Iterator
from enum import StrEnum

import attrs

from axiomd.flow.artifact import Join


class Verdict(StrEnum):
    """What becomes of a gate."""

    WAIT = "wait"
    OPEN = "open"
    FAIL = "fail"
    NOT_TAKEN = "not taken"


@attrs.frozen
class Tally:
    """What is known of the arms of a gate that has not opened."""

    arrived: int = 0
    failed: int = 0
    missing: int = 0
    """Arms that are not taken."""
    coming: int = 0
    """Arms that may still come."""
    unsized: int = 0
    """Edges of which nobody knows yet how many arms they bring: their fan-out has not begun."""
    empty: int = 0
    """Of what has arrived, lists without items: nothing to count towards a quorum."""

    @property
    def resolved(self) -> bool:
        """Whether nothing can come any more."""
        return not self.coming and not self.unsized


@attrs.frozen
class Row:
    """One line of the table; None where anything will do."""

    verdict: Verdict
    all: bool
    """Whether the gate wants all that can come, and not a number of arms."""
    enough: bool | None = None
    """Whether as many arms as it wants have arrived; of all, one."""
    reachable: bool | None = None
    """Whether that can still be."""
    resolved: bool | None = None
    came: bool | None = None
    """Whether any arm has arrived."""
    failed: bool | None = None
    """Whether any arm has failed."""


TABLE = (
    Row(Verdict.WAIT, all=True, resolved=False),
    Row(Verdict.OPEN, all=True, resolved=True, came=True),
    Row(Verdict.FAIL, all=True, resolved=True, came=False, failed=True),
    Row(Verdict.NOT_TAKEN, all=True, resolved=True, came=False, failed=False),
    Row(Verdict.OPEN, all=False, enough=True),
    Row(Verdict.WAIT, all=False, enough=False, reachable=True),
    Row(Verdict.FAIL, all=False, enough=False, reachable=False, came=True),
    Row(Verdict.FAIL, all=False, enough=False, reachable=False, came=False, failed=True),
    Row(
        Verdict.NOT_TAKEN,
        all=False,
        enough=False,
        reachable=False,
        resolved=True,
        came=False,
        failed=False,
    ),
    # Its quorum is lost, but if nothing comes at all it is merely not taken.
    Row(
        Verdict.WAIT,
        all=False,
        enough=False,
        reachable=False,
        resolved=False,
        came=False,
        failed=False,
    ),
)
"""Every combination is matched by exactly one row."""


def judge(join: Join, tally: Tally) -> Verdict:
    """What becomes of a gate with these arms."""
    (row,) = matching(join, tally)
    return row.verdict


def matching(join: Join, tally: Tally) -> Iterator[Row]:
    """The rows that speak of these arms: there is one."""
    wanted = 1 if join.kind == "XOR" else join.quorum
    there = tally.arrived - (tally.empty if join.quorum else 0)
    facts = {
        "enough": there >= (wanted or 1),
        "reachable": bool(tally.unsized) or there + tally.coming >= (wanted or 1),
        "resolved": tally.resolved,
        "came": tally.arrived > 0,
        "failed": tally.failed > 0,
    }
    for row in TABLE:
        if row.all is not (wanted == 0):
            continue
        if all(getattr(row, name) in (None, fact) for name, fact in facts.items()):
            yield row
