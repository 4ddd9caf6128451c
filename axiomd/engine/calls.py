"""Node calls and what nodes say, between the engine's words and the runner's."""

import hashlib
import json

from axiomd.execution.call import ContentParts, NodeCall, NodeEvent
from axiomd.execution.flow_configs import Terms
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.position import Position
from axiomd.execution.trace_context import span_id
from axiomd.flow.artifact import Artifact, Placement
from axiomd.limits import EVENT_BYTES_MAX, EVENT_TEXT_BYTES_MAX


def make_call(
    artifact: Artifact,
    placement: Placement,
    payload: bytes | ContentParts,
    *,
    execution_id: str,
    position: str,
    attempt: int,
    effect: str,
    terms: Terms,
    resume_index: int = 0,
    span_of: str = "",
) -> NodeCall:
    """The call of a placement's node.

    effect: what the call does once however often it is made, as text: its effect key follows.
    span_of: what its span is named after, if that is not its position.
    """
    return NodeCall(
        execution_id=execution_id,
        graph_id=artifact.graph_id,
        tenant=artifact.tenant,
        placement=placement.alias,
        position=position,
        attempt=attempt,
        effect_key=effect_key(execution_id, effect),
        digest=placement.digest,
        node=placement.node,
        kind=placement.kind,
        input_type=placement.input_type,
        output_type=placement.output_type,
        payload=payload,
        timeout_s=placement.timeout_s or terms.node_timeout_s,
        concurrency=placement.concurrency,
        fresh=placement.fresh,
        memory_mib=placement.memory_mib,
        cpu_seconds=placement.cpu_seconds,
        resume_index=resume_index,
        reflection=artifact.reflection,
        config_ids=terms.config_ids,
        package=placement.package,
        span_id=span_id(execution_id, span_of or position, attempt),
    )


def effect_key(execution_id: str, position: str) -> str:
    """What a node may use as an idempotency key outside: the same for every call of a visit."""
    return hashlib.sha256(f"{execution_id}/{position}".encode()).hexdigest()[:32]


def event_entry(event: NodeEvent, position: Position, attempt: int, at_ns: int) -> Entry:
    """The journal entry of something a node said."""
    kind = EntryKind.NODE_LOG if event.kind == "log" else EntryKind.NODE_PROGRESS
    message = event.message.encode(errors="replace")[:EVENT_TEXT_BYTES_MAX].decode(errors="ignore")
    detail: dict[str, object] = {"message": message}
    if event.kind == "log":
        detail |= {"level": event.level, "attributes": dict(event.attributes)}
    else:
        detail["fraction"] = event.fraction
    text = json.dumps(detail)
    if len(text) > EVENT_BYTES_MAX:
        kept = {"message": message[: EVENT_TEXT_BYTES_MAX // 8], "level": event.level}
        text = json.dumps({**kept, "attributes": {"left_out": "too large"}})
    return Entry(kind, at_ns, position, attempt, detail=text)
