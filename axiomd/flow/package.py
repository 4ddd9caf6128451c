"""What a package declares: `axiom.yaml`, strictly read.

Owns the manifest's keys and rules, and how a node's name leads to its file and handler. Whether
the declared messages, files and handlers exist is `axiomd.authoring.check`'s business.
"""

import keyword
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import attrs
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from axiomd.errors import Invalid, Problem
from axiomd.flow.artifact import Mode
from axiomd.flow.document import read_yaml
from axiomd.limits import PROBLEMS_MAX
from axiomd.strict import join, locate, structure

MANIFEST_FILE = "axiom.yaml"
PROTO_FILE = "messages/messages.proto"

_LABEL = r"[a-z][a-z0-9]*([-_][a-z0-9]+)*"
PACKAGE_NAME = re.compile(rf"{_LABEL}/{_LABEL}")
NODE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
MESSAGE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_NUMBER = r"(0|[1-9][0-9]*)"
_PRERELEASE = r"(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(-{_PRERELEASE}(\.{_PRERELEASE})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)

_LISTS = frozenset({"tags", "nodes", "imports", "env"})

NAME_CHARS_MAX = 100
"""Of a package, node or version: they become file names and keys."""
CONCURRENCY_MAX = 1_000
"""Calls one node process may be asked to run side by side."""


@attrs.frozen
class NodeSpec:
    """One node as declared."""

    name: str
    """PascalCase."""
    input: str
    """Its input message: a name of the package's own file, or a full name."""
    output: str
    description: str = ""
    type: Mode = "unary"
    """`pipeline` for a generator."""
    required_secrets: tuple[str, ...] = ()
    once: bool = False
    """Never run again silently after a loss."""
    concurrency: int = 1
    """Calls one process may run side by side."""

    @property
    def module(self) -> str:
        """Name of the node's file below `nodes/`, without `.py`, and of the handler in it."""
        return snake_case(self.name)

    @property
    def file(self) -> str:
        """Path of the node's code in the package."""
        return f"nodes/{self.module}.py"


@attrs.frozen
class ImportSpec:
    """Another package whose messages are used."""

    package: str
    """`handle/package`."""
    version: str
    messages: tuple[str, ...] = ()
    """The messages used, for readers; the import statement in the proto is what counts."""

    @property
    def ref(self) -> str:
        """`handle/package@version`."""
        return f"{self.package}@{self.version}"

    @property
    def proto_path(self) -> str:
        """What the proto's `import` statement says."""
        return f"{self.package}/messages.proto"


@attrs.frozen
class EnvSpec:
    """A configuration value the package's nodes read."""

    name: str
    description: str = ""
    required: bool = False
    secret: bool = False
    default: str | None = None


@attrs.frozen
class SecretSpec:
    """A secret that a node may have."""

    name: str
    required: bool
    default: str | None = None
    """What it gets where none is set; not secret, as the manifest has it."""


@attrs.frozen
class PackageManifest:
    """`axiom.yaml`."""

    name: str
    """`handle/package`."""
    version: str
    """Semantic version."""
    language: str
    type: Literal["proto-only"] | None = None
    """`proto-only` for a package of messages without nodes."""
    description: str = ""
    author: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    nodes: tuple[NodeSpec, ...] = ()
    imports: tuple[ImportSpec, ...] = ()
    env: tuple[EnvSpec, ...] = ()

    @property
    def ref(self) -> str:
        """`handle/package@version`."""
        return f"{self.name}@{self.version}"

    def node(self, name: str) -> NodeSpec | None:
        """The node called `name`, if there is one."""
        return next((node for node in self.nodes if node.name == name), None)

    def secrets_of(self, name: str) -> tuple[SecretSpec, ...]:
        """What the node called `name` may have: what it declares itself, and its package's."""
        specs = {one.name: one for one in self.env if one.secret}
        found = {
            one.name: SecretSpec(one.name, one.required, one.default) for one in specs.values()
        }
        node = self.node(name)
        for secret in node.required_secrets if node is not None else ():
            default = specs[secret].default if secret in specs else None
            found[secret] = SecretSpec(secret, True, default)
        return tuple(found.values())

    @property
    def config(self) -> dict[str, str]:
        """What `ax.config` holds: the package's settings that are no secrets, at their defaults."""
        return {
            one.name: one.default for one in self.env if not one.secret and one.default is not None
        }


@attrs.frozen
class PushedPackage:
    """What compiling a flow needs to know of a pushed package."""

    manifest: PackageManifest
    digest: str
    """SHA-256 of its content, 64 hex characters."""
    descriptor_set: bytes = attrs.field(repr=False)
    """A FileDescriptorSet with every import, each file after those it needs; its own is last."""

    @property
    def ref(self) -> str:
        """`handle/package@version`."""
        return self.manifest.ref


def snake_case(name: str) -> str:
    """`ProcessOrder` → `process_order`, `HTTPFetch` → `http_fetch`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def message_names(descriptor_set: bytes) -> dict[str, str]:
    """Every way a manifest may write a message of `descriptor_set`, to its full name.

    A full name always works; a name relative to its file's package works for the package's own
    file (the last of the set), and for an imported file unless an other one has it too.
    """
    files = FileDescriptorSet.FromString(descriptor_set).file
    names: dict[str, str] = {}
    shared: set[str] = set()
    for file in files[:-1]:
        for relative, full in _file_messages(file):
            if names.setdefault(relative, full) != full:
                shared.add(relative)
    for relative in shared:
        del names[relative]
    for file in files[-1:]:
        names.update(_file_messages(file))
    full_names = {full: full for file in files for _, full in _file_messages(file)}
    return {**names, **full_names}


def _file_messages(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for relative in _nested_messages(file.message_type, ""):
        yield relative, f"{file.package}.{relative}" if file.package else relative


def _nested_messages(messages: Sequence[DescriptorProto], prefix: str) -> Iterator[str]:
    for message in messages:
        if not message.options.map_entry:
            yield prefix + message.name
            yield from _nested_messages(message.nested_type, f"{prefix}{message.name}.")


def read_manifest(text: str | bytes, *, file: str = MANIFEST_FILE) -> PackageManifest:
    """The manifest in `text`, or Malformed, TooLarge or Invalid with every problem in it."""
    document = read_yaml(text, file=file)
    title = f"{file} is not a valid package manifest"
    problems: list[Problem] = []
    manifest: PackageManifest | None = None
    try:
        value = _without_empty(document.value)
        manifest = structure(value, PackageManifest, file=file, lines=document.lines)
    except Invalid as failure:
        problems += failure.problems
    problems += [locate(found, file, document.lines) for found in _rule_problems(document.value)]
    if problems or manifest is None:
        raise Invalid(title, problems=problems[:PROBLEMS_MAX])
    return manifest


def _without_empty(value: Any) -> Any:
    """`value` without lists that have a key and no item: `nodes:` with all items commented out."""
    if not isinstance(value, dict):
        return value
    return {key: part for key, part in value.items() if part is not None or key not in _LISTS}


Rule = Callable[[Any], str | None]
"""What is wrong with a value, if anything is."""


def _pattern(pattern: re.Pattern[str], expected: str) -> Rule:
    def rule(value: Any) -> str | None:
        if not isinstance(value, str) or (
            len(value) <= NAME_CHARS_MAX and pattern.fullmatch(value)
        ):
            return None
        return f"must be {expected}, not {value[:NAME_CHARS_MAX]!r}"

    return rule


def _rule_language(value: Any) -> str | None:
    if isinstance(value, str) and value != "python":
        return f"must be python: this version runs no other language, not even {value!r}"
    return None


def _rule_concurrency(value: Any) -> str | None:
    if type(value) is int and not 1 <= value <= CONCURRENCY_MAX:
        return f"must be from 1 to {CONCURRENCY_MAX}, not {value}"
    return None


def _rule_node_name(value: Any) -> str | None:
    wrong = _pattern(NODE_NAME, "a PascalCase name such as ProcessOrder")(value)
    if wrong is not None or not isinstance(value, str):
        return wrong
    module = snake_case(value)
    if keyword.iskeyword(module):
        return f"cannot be {value!r}: its handler would be called {module!r}, a Python keyword"
    if module.endswith("_test"):
        return f"cannot be {value!r}: nodes/{module}.py would be a test file"
    return None


_PACKAGE_RULE = _pattern(
    PACKAGE_NAME, "handle/package in lower-case letters, digits, '-' and '_', such as acme/orders"
)
_VERSION_RULE = _pattern(VERSION, "a semantic version such as 1.4.2")
_MESSAGE_RULE = _pattern(MESSAGE_NAME, "the name of a message")
_ENV_RULE = _pattern(ENV_NAME, "a name of letters, digits and '_'")

_ROOT_RULES: Mapping[str, Rule] = {
    "name": _PACKAGE_RULE,
    "version": _VERSION_RULE,
    "language": _rule_language,
}
_ITEM_RULES: Mapping[str, Mapping[str, Rule]] = {
    "nodes": {
        "name": _rule_node_name,
        "input": _MESSAGE_RULE,
        "output": _MESSAGE_RULE,
        "concurrency": _rule_concurrency,
    },
    "imports": {"package": _PACKAGE_RULE, "version": _VERSION_RULE},
    "env": {"name": _ENV_RULE},
}


def _rule_problems(value: Any) -> Iterator[Problem]:
    """What the rules say; values of the wrong kind are left to the strict gate."""
    if not isinstance(value, dict):
        return
    yield from _broken(_ROOT_RULES, value, "")
    for section, rules in _ITEM_RULES.items():
        for index, item in _items(value, section):
            yield from _broken(rules, item, join(section, index))
    yield from _repeated(value, "nodes", "name", snake_case)
    yield from _repeated(value, "imports", "package", str)
    yield from _repeated(value, "env", "name", str)
    if value.get("type") == "proto-only" and value.get("nodes"):
        yield Problem("nodes", "a proto-only package has no nodes")


def _items(value: Mapping[str, Any], section: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    items = value.get(section)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield index, item


def _broken(rules: Mapping[str, Rule], value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for key, rule in rules.items():
        said = rule(value.get(key))
        if said is not None:
            yield Problem(join(path, key), said)


def _repeated(
    value: Mapping[str, Any], section: str, key: str, identity: Callable[[str], str]
) -> Iterator[Problem]:
    """Items of a section that would be told apart by nothing."""
    first: dict[str, str] = {}
    for index, item in _items(value, section):
        name = item.get(key)
        if isinstance(name, str):
            path = join(join(section, index), key)
            other = first.setdefault(identity(name), path)
            if other != path:
                yield Problem(path, f"{name!r} is already taken by {other}")
