"""Flow source → artifact: everything resolved, or every problem at once.

The gate between what people write and what runs: behind it, types are trusted. Problems name
canvas IDs, carry the file and line where the flow was read from a file, and are all reported
together. What belongs to the language but is not run by this version is refused here, key by
key, never ignored. Pure: packages come in as values.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from axiomd.errors import CompileFailed, Invalid, NotSupportedYet, Problem
from axiomd.flow.artifact import Artifact, Edge, Join, Mode, Placement, Retry
from axiomd.flow.compatibility import Shape as MessageShape
from axiomd.flow.messages import MessageType, edge_problems
from axiomd.flow.package import PushedPackage
from axiomd.flow.resolve import ResolvedNode, Resolver, TypesOf, Unresolved
from axiomd.flow.shape import Arrow, Shape, shape_problems
from axiomd.flow.source import (
    ConfigSource,
    EdgeSource,
    FlowSource,
    JoinSource,
    LimitsSource,
    NodeSource,
    RetrySource,
)
from axiomd.limits import PROBLEMS_MAX
from axiomd.strict import join, locate, nearest, unknown

NOT_SUPPORTED = "NOT_SUPPORTED_YET:"
"""How a problem begins that only a later version can solve."""
COLUMN_WIDTH = 280
"""Pixels from column to column of positions given by column and row."""
ROW_HEIGHT = 140
"""Pixels from row to row."""

_EDGE_KEYS = ("adapter", "condition", "loop", "max_iterations", "on_error")
_CONFIG_KEYS = ("compose", "fan_out", "hitl", "compensate")
_RUNNERS = ("process",)
"""What a flow may choose; built-in nodes have a runner of their own."""
_JITTER = 0.25
"""What `jitter: true` stands for."""
_SUGGEST_AMONG_MAX = 1_000


def compile_flow(
    source: FlowSource,
    packages: Mapping[str, PushedPackage],
    types: TypesOf,
    *,
    tenant: str,
    graph_id: str,
    created_ns: int,
    known_packages: Collection[str] = (),
) -> Artifact:
    """The artifact of `source`, or CompileFailed or NotSupportedYet with every problem.

    packages: by `handle/package@version`, every one that exists of those the flow names. types:
    the message types of a package, cached by the caller as it likes. known_packages: what else
    is pushed, to suggest from. graph_id and created_ns are no part of the content hash.
    """
    known = sorted({*packages, *known_packages})
    build = _Build(source, Resolver(packages, types, known))
    problems = list(islice(build.problems(), PROBLEMS_MAX + 1))
    if problems:
        raise _refusal(source, problems)
    return build.artifact(tenant, graph_id, created_ns)


def _refusal(source: FlowSource, problems: Sequence[Problem]) -> Invalid:
    many = f"more than {PROBLEMS_MAX}" if len(problems) > PROBLEMS_MAX else str(len(problems))
    title = f"the flow {source.name} does not compile: {many} problem{'s'[: len(problems) > 1]}"
    located = [locate(problem, source.file, source.lines) for problem in problems[:PROBLEMS_MAX]]
    later = any(problem.message.startswith(NOT_SUPPORTED) for problem in problems)
    return (NotSupportedYet if later else CompileFailed)(title, problems=located)


class _Build:
    """One compile: the problems, and then the artifact if there were none."""

    def __init__(self, source: FlowSource, resolver: Resolver) -> None:
        self.source = source
        self.resolver = resolver
        self.nodes: list[ResolvedNode | None] = []
        """By placement number; None where the name means nothing."""
        self.index_of: dict[str, int] = {}
        for index, node in enumerate(source.nodes):
            self.index_of.setdefault(node.alias, index)
        self.shape = self._shape()

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; lazily, so that a hopeless flow costs no more than a few."""
        yield from _unsupported(self.source)
        yield from self._resolve()
        yield from self._alias_problems()
        yield from shape_problems(self.shape)
        yield from self._type_problems()
        yield from self._clashes()
        yield from self._mode_problems()
        yield from self._once_problems()
        yield from self._runner_problems()
        yield from self._join_problems()

    def _resolve(self) -> Iterator[Problem]:
        for index, node in enumerate(self.source.nodes):
            resolved = self._resolve_node(node)
            self.nodes.append(resolved if isinstance(resolved, ResolvedNode) else None)
            if isinstance(resolved, Unresolved):
                path = join(join("nodes", index), resolved.key)
                yield Problem(path, f"'{node.alias}': {resolved.message}")

    def _resolve_node(self, node: NodeSource) -> ResolvedNode | Unresolved | None:
        if node.package is None or node.node is None:
            return None
        return self.resolver.node(node.package, node.node)

    def _shape(self) -> Shape:
        arrows = [
            Arrow(index, self.index_of[edge.source], self.index_of[edge.destination], _fails(edge))
            for index, edge in enumerate(self.source.edges)
            if edge.source in self.index_of and edge.destination in self.index_of
            # A loop leads back on purpose.
            if not edge.loop
        ]
        loops = sum(1 for edge in self.source.edges if edge.loop)
        clear = len(self.index_of) == len(self.source.nodes)
        aliases = [node.alias for node in self.source.nodes]
        return Shape(aliases, arrows, clear and len(arrows) + loops == len(self.source.edges))

    def _alias_problems(self) -> Iterator[Problem]:
        for index, node in enumerate(self.source.nodes):
            first = self.index_of[node.alias]
            if first != index:
                path = join(join("nodes", index), "alias")
                yield Problem(path, f"'{node.alias}' is already the alias of nodes[{first}]")
        for index, edge in enumerate(self.source.edges):
            for key, alias in (("from", edge.source), ("to", edge.destination)):
                if alias not in self.index_of:
                    path = join(join("edges", index), key)
                    yield Problem(path, self._unknown_alias(alias))

    def _unknown_alias(self, alias: str) -> str:
        small = len(self.index_of) <= _SUGGEST_AMONG_MAX
        guess = nearest(alias, self.index_of) if small else None
        hint = f", did you mean '{guess}'?" if guess else ""
        return f"no placement is called {alias!r}{hint}"

    def _type_problems(self) -> Iterator[Problem]:
        known: dict[tuple[int, int], tuple[str, ...]] = {}
        for arrow in self.shape.arrows:
            source, destination = self.nodes[arrow.source], self.nodes[arrow.destination]
            adapted = self.source.edges[arrow.index].adapter is not None
            if source is None or destination is None or adapted or arrow.on_error:
                continue
            sent, taken = source.output, destination.input
            pair = (id(sent), id(taken))
            if pair not in known:
                known[pair] = edge_problems(sent, taken)
            ends = (self.shape.aliases[arrow.source], self.shape.aliases[arrow.destination])
            for said in known[pair]:
                yield Problem(join("edges", arrow.index), _mismatch(ends, sent, taken, said))

    def _clashes(self) -> Iterator[Problem]:
        """Messages that two packages of the flow define differently under one full name."""
        first: dict[str, tuple[MessageShape, int]] = {}
        seen: set[int] = set()
        clashing: set[str] = set()
        for index, node in enumerate(self.nodes):
            for message in (node.input, node.output) if node else ():
                if id(message) in seen:
                    continue
                seen.add(id(message))
                for name, shape in message.definition.items():
                    other, other_index = first.setdefault(name, (shape, index))
                    if other != shape and name not in clashing:
                        clashing.add(name)
                        yield self._clash(name, other_index, index)

    def _clash(self, name: str, first: int, second: int) -> Problem:
        users = [self.source.nodes[index] for index in (first, second)]
        said = " and ".join(f"{user.package} ('{user.alias}')" for user in users)
        path = join(join("nodes", second), "package")
        return Problem(path, f"two different messages are called {name}: in {said}")

    def _mode_problems(self) -> Iterator[Problem]:
        pipelines = self._pipelines()
        if pipelines and self.source.pipeline_mode is False:
            said = f"cannot be false: {self.shape.names(pipelines)} run as pipeline nodes"
            yield Problem("pipeline_mode", said)

    def _once_problems(self) -> Iterator[Problem]:
        if not self._is_pipeline():
            return
        for index, (node, resolved) in enumerate(zip(self.source.nodes, self.nodes, strict=True)):
            if resolved is not None and _once(node, resolved):
                said = f"'{node.alias}' is declared once, which a pipeline cannot keep: its nodes"
                yield Problem(join("nodes", index), f"{said} run again from their first input")

    def _runner_problems(self) -> Iterator[Problem]:
        for index, node in enumerate(self.source.nodes):
            runner = node.config.runner
            if runner is not None and runner not in _RUNNERS:
                path = join(join("nodes", index), "config.runner")
                yield Problem(path, f"'{node.alias}': {unknown('runner', runner, _RUNNERS)}")

    def _join_problems(self) -> Iterator[Problem]:
        if self._is_pipeline() or None in self.nodes:
            return
        for index, node in enumerate(self.source.nodes):
            if node.config.join is not None and node.config.join.kind == "XOR":
                path = join(join("nodes", index), "config.join.kind")
                yield _later(path, f"join kind XOR of '{node.alias}' in a unary flow")

    def _is_pipeline(self) -> bool:
        return bool(self._pipelines() or self.source.pipeline_mode)

    def _pipelines(self) -> list[int]:
        nodes = enumerate(self.nodes)
        return [index for index, node in nodes if node and node.spec.type == "pipeline"]

    def artifact(self, tenant: str, graph_id: str, created_ns: int) -> Artifact:
        """The artifact of a flow without problems."""
        entry = self.shape.entry()
        assert entry is not None
        (terminal,) = self.shape.ends(self.shape.reachable([entry]))
        mode: Mode = "pipeline" if self._is_pipeline() else "unary"
        artifact = Artifact(
            graph_id=graph_id,
            tenant=tenant,
            flow=self.source.name,
            mode=mode,
            placements=tuple(
                _placement(node, resolved)
                for node, resolved in zip(self.source.nodes, self.nodes, strict=True)
            ),
            edges=tuple(Edge(arrow.source, arrow.destination) for arrow in self.shape.arrows),
            entry=entry,
            terminal=terminal,
            content_hash="",
            created_ns=created_ns,
            description=self.source.description,
        )
        return attrs.evolve(artifact, content_hash=content_hash(artifact))


def _fails(edge: EdgeSource) -> bool:
    return bool(edge.on_error)


def _mismatch(ends: tuple[str, str], sent: MessageType, taken: MessageType, said: str) -> str:
    return f"'{ends[0]}' sends {sent.full_name}, '{ends[1]}' takes {taken.full_name}: {said}"


def _placement(node: NodeSource, resolved: ResolvedNode | None) -> Placement:
    assert resolved is not None
    x, y = _pixels(node)
    config = node.config
    limits = config.limits or LimitsSource()
    return Placement(
        alias=node.alias,
        package=resolved.package.ref,
        node=resolved.spec.name,
        digest=resolved.package.digest,
        kind=resolved.spec.type,
        input_type=resolved.input.full_name,
        output_type=resolved.output.full_name,
        timeout_s=config.timeout_seconds,
        once=_once(node, resolved),
        concurrency=resolved.spec.concurrency,
        x=x,
        y=y,
        memory_mib=limits.memory_mib,
        cpu_seconds=limits.cpu_seconds,
        fresh=bool(config.fresh),
        retry=_retry(config.retry),
        join=Join(config.join.kind) if config.join is not None else Join(),
    )


def _once(node: NodeSource, resolved: ResolvedNode) -> bool:
    # What a node's author declares, no flow can take back.
    return resolved.spec.once or bool(node.config.once)


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


def content_hash(artifact: Artifact) -> str:
    """SHA-256 of everything in the artifact but its ID, its age and the hash itself."""
    unhashed = ("graph_id", "created_ns", "content_hash")
    content = {
        field.name: getattr(artifact, field.name)
        for field in attrs.fields(Artifact)
        if field.init and field.name not in unhashed
    }
    text = json.dumps(content, default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Mapping[str, object]:
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}


def _unsupported(source: FlowSource) -> Iterator[Problem]:
    """Everything in `source` that is of the language but not run yet."""
    for index, node in enumerate(source.nodes):
        path = join("nodes", index)
        if node.subflow is not None:
            yield _later(join(path, "subflow"), f"subflow of '{node.alias}'")
        config = join(path, "config")
        for key in _given(node.config, _CONFIG_KEYS):
            yield _later(join(config, key), f"{key} of '{node.alias}'")
        yield from _unsupported_join(join(config, "join"), node)
    for index, edge in enumerate(source.edges):
        for key in _given(edge, _EDGE_KEYS):
            path = join(join("edges", index), key)
            yield _later(path, f"{key} of the edge '{edge.source}' → '{edge.destination}'")


def _unsupported_join(path: str, node: NodeSource) -> Iterator[Problem]:
    gate = node.config.join
    if gate is None:
        return
    for field in attrs.fields(JoinSource):
        value = getattr(gate, field.name)
        if field.name != "kind" and value != field.default:
            what = f"join {field.name} {value} of '{node.alias}'"
            yield _later(join(path, field.name), what)


def _given(block: ConfigSource | EdgeSource, keys: Sequence[str]) -> Iterator[str]:
    """The keys that ask for something; false is what they are without being given."""
    for key in keys:
        value = getattr(block, key)
        if value is not None and value is not False:
            yield key


def _later(path: str, what: str) -> Problem:
    said = "belongs to the language, but this version of axiomd does not run it yet"
    return Problem(path, f"{NOT_SUPPORTED} {what} {said}")
