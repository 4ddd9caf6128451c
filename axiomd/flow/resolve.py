"""From the names in a flow to the packages, nodes and messages they mean.

Promises that a name which means nothing is answered with the closest one that does.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

import attrs

from axiomd.errors import Invalid
from axiomd.flow.artifact import Mode
from axiomd.flow.messages import MessageType, MessageTypes
from axiomd.flow.package import NodeSpec, PushedPackage
from axiomd.flow.shape import Shape
from axiomd.flow.source import ConfigSource, FlowSource
from axiomd.strict import join, nearest, unknown

TypesOf = Callable[[PushedPackage], MessageTypes]

_VERSIONS_SHOWN_MAX = 10


@attrs.frozen(eq=False)
class ResolvedNode:
    """A node of a pushed package, with its messages."""

    package: PushedPackage
    spec: NodeSpec
    input: MessageType
    output: MessageType


@attrs.frozen(eq=False)
class Subflow:
    """An artifact that a placement runs as a child execution."""

    graph_id: str
    input: MessageType
    """What its entry takes."""
    output: MessageType
    """What its terminal gives."""
    mode: Mode
    depth: int = 0
    """Levels of subflows within it."""


Resolved = ResolvedNode | Subflow
"""What a placement runs."""


@attrs.frozen(eq=False)
class ResolvedFlow:
    """A flow whose names have been looked up: what the rules of the language are about."""

    source: FlowSource
    shape: Shape
    nodes: Sequence[Resolved | None]
    """By placement number; None where the name means nothing."""

    @property
    def pipelines(self) -> list[int]:
        """The placements of generator nodes."""
        return [
            number
            for number, node in enumerate(self.nodes)
            if isinstance(node, ResolvedNode) and node.spec.type == "pipeline"
        ]

    @cached_property
    def is_pipeline(self) -> bool:
        """Whether frames flow between its nodes."""
        return bool(self.pipelines or self.source.pipeline_mode)

    def config(self, placement: int) -> ConfigSource:
        """How a placement is to run, as written."""
        return self.source.nodes[placement].config

    def config_path(self, placement: int, block: str) -> str:
        """Where a block of a placement's configuration stands."""
        return join(join(join("nodes", placement), "config"), block)


@attrs.frozen
class Unresolved:
    """Why a name means nothing."""

    key: str
    """The key it is the value of: `package`, `node` or `subflow`."""
    message: str


@attrs.frozen(eq=False)
class Resolver:
    """Looks up each node once."""

    packages: Mapping[str, PushedPackage]
    types: TypesOf
    known: Collection[str]
    """Every `handle/package@version` there is, to suggest from."""
    subflows: Mapping[str, Subflow]
    """By artifact ID, every one that exists of those the flow names."""
    _found: dict[tuple[str, str], ResolvedNode | Unresolved] = attrs.field(factory=dict, init=False)

    def node(self, ref: str, name: str) -> ResolvedNode | Unresolved:
        """The node `name` of the package `ref`."""
        if (ref, name) not in self._found:
            self._found[ref, name] = self._look_up(ref, name)
        return self._found[ref, name]

    def subflow(self, graph_id: str) -> Subflow | Unresolved:
        """The artifact `graph_id`."""
        found = self.subflows.get(graph_id)
        return found or Unresolved("subflow", f"there is no artifact {graph_id}")

    def _look_up(self, ref: str, name: str) -> ResolvedNode | Unresolved:
        package = self.packages.get(ref)
        if package is None:
            return Unresolved("package", unknown_package(ref, self.known))
        spec = package.manifest.node(name)
        if spec is None:
            known = [node.name for node in package.manifest.nodes]
            return Unresolved("node", f"{unknown('node', name, known)} (in {ref})")
        types = self.types(package)
        try:
            return ResolvedNode(package, spec, types.find(spec.input), types.find(spec.output))
        except Invalid as failure:
            return Unresolved("package", f"{ref} is broken: {name} has an {failure.message}")


def unknown_package(ref: str, known: Collection[str]) -> str:
    """The sentence that refuses a package or version that is not there."""
    name, _, version = ref.partition("@")
    versions = [other.partition("@")[2] for other in known if other.startswith(f"{name}@")]
    if versions:
        newest = sorted(versions, key=_version_order, reverse=True)
        shown = ", ".join(newest[:_VERSIONS_SHOWN_MAX])
        guess = nearest(version, newest) or newest[0]
        return (
            f"unknown version {version!r} of {name}, did you mean '{name}@{guess}'? Pushed: {shown}"
        )
    names: dict[str, list[str]] = {}
    for other in known:
        names.setdefault(other.partition("@")[0], []).append(other.partition("@")[2])
    close = nearest(name, names)
    if close is None:
        return f"unknown package {ref!r}: no version of it has been pushed"
    best = version if version in names[close] else max(names[close], key=_version_order)
    return f"unknown package {ref!r}, did you mean '{close}@{best}'?"


def _version_order(version: str) -> tuple[list[int], bool, str]:
    """Newer is greater; a release is greater than what led up to it."""
    core, _, prerelease = version.partition("+")[0].partition("-")
    return [int(part) for part in re.findall(r"\d{1,18}", core)], not prerelease, prerelease
