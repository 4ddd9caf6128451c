"""What a pipeline does not do, and why: frames go from node to node as they come."""

from collections.abc import Iterator, Mapping

import attrs

from axiomd.errors import Problem
from axiomd.flow.placements import is_once
from axiomd.flow.resolve import ResolvedFlow
from axiomd.flow.source import EdgeSource, JoinSource, NodeSource
from axiomd.strict import join

EDGE_REASONS: Mapping[str, str] = {
    "adapter": "a pipeline passes every frame on as it is: let a node between them change it",
    "condition": "a pipeline passes every frame to every branch",
    "loop": "the frames of a pipeline never lead back",
    "max_iterations": "the frames of a pipeline never lead back",
    "on_error": "a node that fails ends a pipeline, as there is no frame to go on with",
}
CONFIG_REASONS: Mapping[str, str] = {
    "compose": "the AND gate of a pipeline merges the frames of one number, field by field",
    "fan_out": "a pipeline passes every frame on whole: let a generator emit a frame for each item",
    "hitl": "a pipeline does not stop between frames to ask a person",
    "compensate": "the frames of a pipeline have been seen, and are not undone",
}
JOIN_REASONS: Mapping[str, str] = {
    "failure_policy": "a node that fails ends a pipeline, so no gate can do without its frames",
    "quorum": "the AND gate of a pipeline takes a frame of every arm",
    "timeout_seconds": "the gate of a pipeline waits for its arms as long as they run",
    "timeout_policy": "the gate of a pipeline waits for its arms as long as they run",
}
SUBFLOW_REASON = "a pipeline runs its nodes side by side, and a subflow is an execution of its own"
ONCE_REASON = "a pipeline cannot keep: its nodes run again from their first input"


def frame_problems(flow: ResolvedFlow) -> Iterator[Problem]:
    """Everything of a pipeline that only a unary flow can do."""
    for number, node in enumerate(flow.source.nodes):
        path = join("nodes", number)
        yield from _node_problems(path, node)
        resolved = flow.nodes[number]
        if resolved is not None and is_once(node, resolved):
            yield Problem(path, f"'{node.alias}' is declared once, which {ONCE_REASON}")
    for number, edge in enumerate(flow.source.edges):
        yield from _edge_problems(join("edges", number), edge)


def _node_problems(path: str, node: NodeSource) -> Iterator[Problem]:
    if node.subflow is not None:
        yield Problem(join(path, "subflow"), f"subflow of '{node.alias}': {SUBFLOW_REASON}")
    for key, reason in CONFIG_REASONS.items():
        if getattr(node.config, key) is not None:
            where = join(join(path, "config"), key)
            yield Problem(where, f"{key} of '{node.alias}': {reason}")
    gate = node.config.join
    for key, reason in JOIN_REASONS.items() if gate is not None else ():
        if getattr(gate, key) != getattr(attrs.fields(JoinSource), key).default:
            where = join(join(path, "config.join"), key)
            yield Problem(where, f"{key} of the gate '{node.alias}': {reason}")


def _edge_problems(path: str, edge: EdgeSource) -> Iterator[Problem]:
    for key, reason in EDGE_REASONS.items():
        # False is what a switch is without being given.
        if getattr(edge, key) not in (None, False):
            said = f"{key} of '{edge.source}' → '{edge.destination}': {reason}"
            yield Problem(join(path, key), said)
