"""Flow source → artifact: everything resolved, or every problem at once.

The gate between what people write and what runs: behind it, types are trusted. Problems name
canvas IDs, carry the file and line where the flow was read from a file, and are all reported
together. The rules stand by subject in `shape`, `edges`, `gates`, `placements` and `frame_rules`;
here they come together. Pure: packages and subflows come in as values.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from axiomd.errors import CompileFailed, Problem
from axiomd.flow.artifact import Artifact
from axiomd.flow.compatibility import Shape as MessageShape
from axiomd.flow.edges import EdgeRules
from axiomd.flow.frame_rules import frame_problems
from axiomd.flow.gates import GateRules
from axiomd.flow.package import PushedPackage
from axiomd.flow.placements import PlacementRules
from axiomd.flow.resolve import (
    Resolved,
    ResolvedFlow,
    Resolver,
    Subflow,
    TypesOf,
    Unresolved,
)
from axiomd.flow.shape import Arrow, Shape, shape_problems
from axiomd.flow.source import EdgeSource, FlowSource, NodeSource
from axiomd.limits import PROBLEMS_MAX
from axiomd.strict import join, locate, nearest

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
    subflows: Mapping[str, Subflow] | None = None,
) -> Artifact:
    """The artifact of `source`, or CompileFailed with every problem.

    packages: by `handle/package@version`, every one that exists of those the flow names. types:
    the message types of a package, cached by the caller as it likes. known_packages: what else
    is pushed, to suggest from. subflows: by artifact ID, every one of the tenant's that the flow
    names. graph_id and created_ns are no part of the content hash.
    """
    known = sorted({*packages, *known_packages})
    build = _Build(source, Resolver(packages, types, known, subflows or {}))
    problems = list(islice(build.problems(), PROBLEMS_MAX + 1))
    if problems:
        raise _refusal(source, problems)
    return build.artifact(tenant, graph_id, created_ns)


def _refusal(source: FlowSource, problems: Sequence[Problem]) -> CompileFailed:
    many = f"more than {PROBLEMS_MAX}" if len(problems) > PROBLEMS_MAX else str(len(problems))
    title = f"the flow {source.name} does not compile: {many} problem{'s'[: len(problems) > 1]}"
    located = [locate(problem, source.file, source.lines) for problem in problems[:PROBLEMS_MAX]]
    return CompileFailed(title, problems=located)


class _Build:
    """One compile: the problems, and then the artifact if there were none."""

    def __init__(self, source: FlowSource, resolver: Resolver) -> None:
        self.source = source
        self.resolver = resolver
        self.nodes: list[Resolved | None] = []
        """By placement number; None where the name means nothing."""
        self.index_of: dict[str, int] = {}
        for index, node in enumerate(source.nodes):
            self.index_of.setdefault(node.alias, index)
        self.shape = self._shape()
        self.flow = ResolvedFlow(source, self.shape, self.nodes)
        self.edges = EdgeRules(self.flow)
        self.gates = GateRules(self.flow, self.edges)
        self.placements = PlacementRules(self.flow, resolver)

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong; lazily, so that a hopeless flow costs no more than a few."""
        yield from self._resolve()
        yield from self._alias_problems()
        sound = self.shape.whole
        for problem in shape_problems(self.shape):
            sound = False
            yield problem
        yield from self.placements.runner_problems()
        # Which items come where would be a guess for what is no flow.
        yield from self.gates.stray_join_problems() if sound else ()
        if self.flow.is_pipeline:
            yield from self._mode_problems()
            yield from frame_problems(self.flow)
            # What a pipeline does not do at all needs no further word.
            yield from self.edges.type_problems()
        else:
            yield from self.edges.problems()
            yield from self.placements.problems()
            yield from self.gates.problems() if sound else ()
        yield from self._clashes()

    def _resolve(self) -> Iterator[Problem]:
        for index, node in enumerate(self.source.nodes):
            resolved = self._resolve_node(node)
            self.nodes.append(None if isinstance(resolved, Unresolved) else resolved)
            if isinstance(resolved, Unresolved):
                path = join(join("nodes", index), resolved.key)
                yield Problem(path, f"'{node.alias}': {resolved.message}")

    def _resolve_node(self, node: NodeSource) -> Resolved | Unresolved | None:
        if node.subflow is not None:
            return self.resolver.subflow(node.subflow)
        if node.package is None or node.node is None:
            return None
        return self.resolver.node(node.package, node.node)

    def _shape(self) -> Shape:
        arrows = [
            _arrow(index, edge, self.index_of)
            for index, edge in enumerate(self.source.edges)
            if edge.source in self.index_of and edge.destination in self.index_of
        ]
        clear = len(self.index_of) == len(self.source.nodes)
        return Shape(
            [node.alias for node in self.source.nodes],
            [arrow for arrow in arrows if not arrow.loop],
            [arrow for arrow in arrows if arrow.loop],
            clear and len(arrows) == len(self.source.edges),
        )

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
        pipelines = self.flow.pipelines
        if pipelines and self.source.pipeline_mode is False:
            said = f"cannot be false: {self.shape.names(pipelines)} run as pipeline nodes"
            yield Problem("pipeline_mode", said)

    def artifact(self, tenant: str, graph_id: str, created_ns: int) -> Artifact:
        """The artifact of a flow without problems."""
        entry = self.shape.entry()
        assert entry is not None
        (terminal,) = self.shape.ends(self.shape.reachable([entry]))
        artifact = Artifact(
            graph_id=graph_id,
            tenant=tenant,
            flow=self.source.name,
            mode="pipeline" if self.flow.is_pipeline else "unary",
            placements=self.placements.compiled(self.gates),
            edges=self.edges.compiled(),
            entry=entry,
            terminal=terminal,
            content_hash="",
            created_ns=created_ns,
            description=self.source.description,
        )
        assert artifact.scopes == self.gates.scopes
        return attrs.evolve(artifact, content_hash=content_hash(artifact))


def _arrow(index: int, edge: EdgeSource, index_of: Mapping[str, int]) -> Arrow:
    source, destination = index_of[edge.source], index_of[edge.destination]
    return Arrow(index, source, destination, bool(edge.on_error), bool(edge.loop))


def content_hash(artifact: Artifact) -> str:
    """SHA-256 of everything in the artifact but its ID, its age and the hash itself.

    What has its default is left out: a form that the language gets later gives no flow that does
    without it another artifact. So a default must never change.
    """
    unhashed = ("graph_id", "created_ns", "content_hash")
    content = {name: value for name, value in _plain(artifact).items() if name not in unhashed}
    text = json.dumps(content, default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Mapping[str, object]:
    """The fields that are given, not derived, and not left at their default; by name."""
    return {
        field.name: getattr(value, field.name)
        for field in attrs.fields(type(value))
        if field.init and getattr(value, field.name) != field.default
    }
