"""Asking a person: a node visit that is held before its node until somebody answers for it.

Pure. A pause is opened once for each visit, and is over once: by an answer, by the policy of its
time out, or because nobody needs the visit any more. What a person says of a visit in doubt obeys
the same rule, `unheard`, so that a worker and the writer judge alike.
"""

import hashlib
import json

from axiomd.clock import NS_PER_S, rfc3339
from axiomd.execution.execution import Ending, OpenPause
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import Decision
from axiomd.execution.position import Position, visit_text
from axiomd.execution.status import Trigger
from axiomd.flow.artifact import Artifact, Hitl

_ID_CHARACTERS = 16


def pause_id(execution_id: str, visit: str) -> str:
    """The ID of the one pause that a visit may have: the same whenever it is asked for."""
    named = f"{execution_id}/{visit}".encode()
    return hashlib.sha256(named).hexdigest()[:_ID_CHARACTERS]


def after_asking(artifact: Artifact, position: Position, execution_id: str, at_ns: int) -> Decision:
    """The visit is due, and somebody has to answer for it before it is called."""
    hitl = _hitl(artifact, position)
    visit = visit_text(artifact, position)
    due_ns = at_ns + int(hitl.timeout_s * NS_PER_S) if hitl.timeout_s else 0
    detail = {"pause_id": pause_id(execution_id, visit), "payload": json.loads(hitl.payload)}
    if due_ns:
        detail["expires_at"] = rfc3339(due_ns)
    entry = Entry(EntryKind.PAUSE_OPENED, at_ns, position, due_ns=due_ns, detail=json.dumps(detail))
    return Decision((entry,), opened=OpenPause(visit, at_ns, due_ns))


def after_silence(
    artifact: Artifact, position: Position, execution_id: str, at_ns: int
) -> Decision:
    """Nobody has answered in time: the pause's policy does."""
    hitl = _hitl(artifact, position)
    visit = visit_text(artifact, position)
    detail = {"pause_id": pause_id(execution_id, visit), "policy": hitl.timeout_policy}
    said = f"nobody answered within {hitl.timeout_s:g} s"
    if hitl.timeout_policy == "FAIL":
        detail |= {"kind": "PAUSE_TIMEOUT", "message": said}
    expired = Entry(
        EntryKind.PAUSE_EXPIRED,
        at_ns,
        position,
        detail=json.dumps(detail),
        failed=hitl.timeout_policy == "FAIL",
    )
    if hitl.timeout_policy != "CANCEL":
        return Decision((expired,), dropped=(visit,))
    alias = artifact.placements[position.placement].alias
    detail = {"reason": f"{visit}: {said}"}
    cancelled = Entry(EntryKind.EXECUTION_CANCELLED, at_ns, detail=json.dumps(detail))
    ending = Ending("CANCELLED", f"the execution was cancelled: {said}", alias)
    return Decision((expired, cancelled), Trigger.CANCEL, ending, dropped=(visit,))


def approval(
    position: Position, pause: str, at_ns: int, value: Payload | None, comment: str, by: str
) -> Entry:
    """Somebody lets the visit go on, with `value` as its input if one is given."""
    detail = json.dumps({"pause_id": pause, "by": by, "comment": comment})
    return Entry(EntryKind.PAUSE_RESUMED, at_ns, position, payload=value, detail=detail)


def rejection(position: Position, pause: str, at_ns: int, comment: str, by: str) -> Entry:
    """Somebody does not want the visit: it fails."""
    said = f"rejected by {by}: {comment}" if comment else f"rejected by {by}"
    detail = {"pause_id": pause, "by": by, "comment": comment, "kind": "REJECTED", "message": said}
    return Entry(EntryKind.PAUSE_REJECTED, at_ns, position, detail=json.dumps(detail))


def unheard(entry: Entry, visit: str, *, doubted: bool, expires_ns: int | None) -> str | None:
    """Why what a person says of a visit comes to nothing, as a sentence; None if it counts.

    doubted: whether the visit is in doubt. expires_ns: the time of its open pause, 0 for one
    that waits for ever; None if no pause of it is open.
    """
    if entry.kind is EntryKind.NODE_SETTLED:
        return None if doubted else f"{visit} is not in doubt."
    if expires_ns is None:
        return f"The pause of {visit} is over."
    if 0 < expires_ns <= entry.at_ns:
        return f"The pause of {visit} has expired."
    return None


def _hitl(artifact: Artifact, position: Position) -> Hitl:
    hitl = artifact.placements[position.placement].hitl
    assert hitl is not None
    return hitl
