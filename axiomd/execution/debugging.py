"""Debug sessions: which visits are held before their first call, and what each command changes.

`pause` and `step` hold everything that has not been let go, `run` what has a breakpoint. A step
lets go of one visit, `continue` of all; what was let go is not held again. Commands are lines of
the journal like everything else, so a session outlives the box.
"""

import json
from collections.abc import Sequence

import attrs

from axiomd.execution.execution import Debug, Execution
from axiomd.execution.history import History
from axiomd.execution.journal import DEBUG_MODES, Entry, EntryKind
from axiomd.execution.position import Position
from axiomd.execution.status import Residence

OF_A_HELD_VISIT = frozenset({EntryKind.DEBUG_STEPPED, EntryKind.DEBUG_EDITED})
"""Commands that name a visit, which must be held."""


def has_to_hold(history: History, position: Position) -> bool:
    """Whether a session stops before this visit."""
    session = history.session
    if session.debug is None or position in session.released or position in history.calls:
        return False
    return session.debug.mode != "run" or position.placement in session.breakpoints


def begun(debug: Debug, at_ns: int) -> Entry:
    """A session begins."""
    detail = {"mode": debug.mode, "breakpoints": list(debug.breakpoints)}
    return Entry(EntryKind.DEBUG_STARTED, at_ns, detail=json.dumps(detail))


def command(kind: EntryKind) -> Entry:
    """A command, of no time yet."""
    return Entry(kind, 0)


def stops_at(breakpoints: Sequence[str]) -> Entry:
    """The command to stop at other breakpoints from now on."""
    detail = json.dumps({"breakpoints": list(breakpoints)})
    return attrs.evolve(command(EntryKind.DEBUG_BREAKPOINTS), detail=detail)


def refusal(execution: Execution, entry: Entry, visit: str) -> str | None:
    """Why a command cannot be taken; None if it can."""
    if execution.residence is Residence.ENDED:
        return f"Execution {execution.execution_id} is {execution.status.label.lower()}."
    if execution.debug is None:
        return f"Execution {execution.execution_id} is in no debug session."
    if entry.kind in OF_A_HELD_VISIT and visit not in execution.held:
        return f"{visit} of {execution.execution_id} is not held."
    return None


def after_command(
    entry: Entry, visit: str, debug: Debug, held: tuple[str, ...]
) -> dict[str, object]:
    """What a command changes in the record."""
    if entry.kind is EntryKind.DEBUG_BREAKPOINTS:
        names = tuple(json.loads(entry.detail)["breakpoints"])
        return {"debug": attrs.evolve(debug, breakpoints=names)}
    changes: dict[str, object] = {}
    if entry.kind in DEBUG_MODES:
        changes["debug"] = attrs.evolve(debug, mode=DEBUG_MODES[entry.kind])
    if entry.kind is EntryKind.DEBUG_STEPPED:
        changes["held"] = tuple(other for other in held if other != visit)
    if entry.kind is EntryKind.DEBUG_CONTINUED:
        changes["held"] = ()
    return changes
