"""What one placement runs, and how: its node or subflow, its pause, and what undoes it.

Each placement is compiled on its own; what arrives at it is `axiomd.flow.gates`' business.
"""

from collections.abc import Iterator
from typing import Any

import attrs

from axiomd.errors import Problem
from axiomd.flow.artifact import Compensate, FanOut, Hitl, Placement, Retry
from axiomd.flow.edges import field_problems
from axiomd.flow.gates import GateRules, compile_join
from axiomd.flow.messages import edge_problems
from axiomd.flow.resolve import Resolved, ResolvedFlow, ResolvedNode, Resolver, Subflow, Unresolved
from axiomd.flow.rules import undo_scope
from axiomd.flow.source import (
    CompensateSource,
    HitlSource,
    LimitsSource,
    NodeSource,
    RetrySource,
    payload_text,
)
from axiomd.limits import SUBFLOW_DEPTH_MAX
from axiomd.strict import join, unknown

COLUMN_WIDTH = 280
"""Pixels from column to column of positions given by column and row."""
ROW_HEIGHT = 140
"""Pixels from row to row."""

_RUNNERS = ("process",)
"""What a flow may choose; built-in nodes have a runner of their own."""
_JITTER = 0.25
"""What `jitter: true` stands for."""
_NODE_KEYS = ("once", "runner", "limits", "fresh")
"""What says how a node's process runs; a subflow has none."""


class PlacementRules:
    """The placements of a flow: their problems, and what they compile to."""

    def __init__(self, flow: ResolvedFlow, resolver: Resolver) -> None:
        self._flow = flow
        self._resolver = resolver

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with one placement or another."""
        for number, node in enumerate(self._flow.source.nodes):
            resolved = self._flow.nodes[number]
            if node.subflow is not None:
                yield from _subflow_problems(join("nodes", number), node, resolved)
            if node.config.hitl is not None:
                path = self._flow.config_path(number, "hitl")
                yield from _hitl_problems(path, node.alias, node.config.hitl)
            if node.config.compensate is not None:
                yield from self._compensate_problems(number, node.config.compensate)

    def runner_problems(self) -> Iterator[Problem]:
        """Runners that there are not."""
        for number, node in enumerate(self._flow.source.nodes):
            runner = node.config.runner
            if runner is not None and runner not in _RUNNERS:
                path = self._flow.config_path(number, "runner")
                yield Problem(path, f"'{node.alias}': {unknown('runner', runner, _RUNNERS)}")

    def _compensate_problems(self, number: int, source: CompensateSource) -> Iterator[Problem]:
        path = self._flow.config_path(number, "compensate")
        node, resolved = self._flow.source.nodes[number], self._flow.nodes[number]
        ref = source.package or node.package
        if ref is None:
            said = f"'{node.alias}' is a subflow: name the package of the node that undoes it"
            yield Problem(join(path, "package"), said)
            return
        undo = self._resolver.node(ref, source.node)
        if isinstance(undo, Unresolved):
            if undo.key == "node" or source.package is not None:
                yield Problem(join(path, undo.key), f"'{node.alias}': {undo.message}")
            return
        if undo.spec.type == "pipeline":
            said = f"'{node.alias}' must be undone by a unary node, and this one is a generator"
            yield Problem(join(path, "node"), said)
        if resolved is None:
            return
        if source.input is not None:
            scope = undo_scope(resolved.input, resolved.output)
            said = f"the input of what undoes '{node.alias}'"
            fields = source.input.items()
            yield from field_problems(join(path, "input"), said, fields, scope, undo.input)
            return
        head = f"what undoes '{node.alias}' takes {undo.input.full_name} and is sent its output,"
        for said in edge_problems(resolved.output, undo.input):
            fix = "give it an input over `input` and `output`"
            yield Problem(path, f"{head} {resolved.output.full_name}: {said}; {fix}")

    def compiled(self, gates: GateRules) -> tuple[Placement, ...]:
        """The placements of a flow without problems."""
        numbers = range(len(self._flow.source.nodes))
        return tuple(self._compile(number, gates) for number in numbers)

    def _compile(self, number: int, gates: GateRules) -> Placement:
        node, resolved = self._flow.source.nodes[number], self._flow.nodes[number]
        assert resolved is not None
        config = node.config
        limits = config.limits or LimitsSource()
        x, y = _pixels(node)
        return Placement(
            alias=node.alias,
            **_code(resolved),
            input_type=resolved.input.full_name,
            output_type=resolved.output.full_name,
            timeout_s=config.timeout_seconds,
            once=is_once(node, resolved),
            x=x,
            y=y,
            memory_mib=limits.memory_mib,
            cpu_seconds=limits.cpu_seconds,
            fresh=bool(config.fresh),
            retry=_retry(config.retry),
            join=compile_join(config.join),
            gathers=gates.gathers(number),
            compose=gates.compose(number),
            fan_out=None
            if config.fan_out is None
            else FanOut(config.fan_out.items, config.fan_out.max_parallel or 0),
            hitl=None if config.hitl is None else _hitl(config.hitl),
            compensate=self._compensate(node),
        )

    def _compensate(self, node: NodeSource) -> Compensate | None:
        source = node.config.compensate
        if source is None:
            return None
        undo = self._resolver.node(source.package or node.package or "", source.node)
        assert isinstance(undo, ResolvedNode)
        return Compensate(
            package=undo.package.ref,
            node=undo.spec.name,
            digest=undo.package.digest,
            input_type=undo.input.full_name,
            output_type=undo.output.full_name,
            fields=None if source.input is None else tuple(source.input.items()),
            concurrency=undo.spec.concurrency,
        )


def is_once(node: NodeSource, resolved: Resolved) -> bool:
    """Whether a placement must never run again silently."""
    # What a node's author declares, no flow can take back.
    declared = isinstance(resolved, ResolvedNode) and resolved.spec.once
    return declared or bool(node.config.once)


def _code(resolved: Resolved) -> dict[str, Any]:
    """What of a placement says which code it runs."""
    if isinstance(resolved, Subflow):
        names = dict.fromkeys(("package", "node", "digest"), "")
        return {**names, "kind": resolved.mode, "subflow": resolved.graph_id}
    return {
        "package": resolved.package.ref,
        "node": resolved.spec.name,
        "digest": resolved.package.digest,
        "kind": resolved.spec.type,
        "concurrency": resolved.spec.concurrency,
    }


def _subflow_problems(path: str, node: NodeSource, resolved: Resolved | None) -> Iterator[Problem]:
    for key in _NODE_KEYS:
        if getattr(node.config, key) not in (None, False):
            said = f"'{node.alias}' is a subflow and has no process of its own: {key} is for nodes"
            yield Problem(join(join(path, "config"), key), said)
    if not isinstance(resolved, Subflow):
        return
    below = join(path, "subflow")
    if resolved.mode == "pipeline":
        said = f"'{node.alias}' must be a unary artifact, and {resolved.graph_id} is a pipeline"
        yield Problem(below, said)
    if resolved.depth >= SUBFLOW_DEPTH_MAX:
        said = f"'{node.alias}' nests subflows {resolved.depth + 1} deep, more than"
        yield Problem(below, f"{said} {SUBFLOW_DEPTH_MAX}")


def _hitl_problems(path: str, alias: str, hitl: HitlSource) -> Iterator[Problem]:
    if hitl.timeout_policy is not None and hitl.timeout_seconds is None:
        said = f"the pause of '{alias}' never times out: timeout_policy needs timeout_seconds"
        yield Problem(join(path, "timeout_policy"), said)


def _hitl(source: HitlSource) -> Hitl:
    return Hitl(
        payload=payload_text(source.interrupt_payload),
        timeout_s=source.timeout_seconds or 0.0,
        timeout_policy=source.timeout_policy or "FAIL",
    )


def _retry(source: RetrySource | None) -> Retry:
    if source is None:
        return Retry()
    given = attrs.asdict(source, recurse=False)
    jitter: Any = _JITTER if source.jitter is True else source.jitter or 0.0
    return Retry(**{**given, "jitter": float(jitter)})


def _pixels(node: NodeSource) -> tuple[float | None, float | None]:
    position = node.position
    if position is None:
        return None, None
    if position.col is not None and position.row is not None:
        return position.col * COLUMN_WIDTH, position.row * ROW_HEIGHT
    return position.x, position.y
