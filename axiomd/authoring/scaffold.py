"""New packages, messages and nodes on disk: `axiomd init` and `axiomd create`.

Promises that nothing is overwritten, that what the user wrote keeps its order and comments (text
is added, files are never dumped again), that nothing is written at all if the result would not
be right, and that what is written passes `axiomd validate` and its own test.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from axiomd.authoring.generate import generate, write_generated
from axiomd.authoring.manifest_text import with_node
from axiomd.authoring.node_text import node_source, node_test
from axiomd.authoring.protoc import CompiledProtos, compile_protos
from axiomd.errors import Invalid, NotFound, Problem, WrongState
from axiomd.flow.package import (
    MANIFEST_FILE,
    NODE_NAME,
    PROTO_FILE,
    NodeSpec,
    PackageManifest,
    message_names,
    read_manifest,
)
from axiomd.strict import unknown

_MANIFEST = """\
name: {name}
version: 0.1.0
language: python
description: ""
"""
_PROTO = """\
syntax = "proto3";

package {package};
"""
_REQUIREMENTS = "# What the nodes need from PyPI, one requirement a line.\n"
_GITIGNORE = "gen/\n__pycache__/\n.venv/\n"

_FIELD = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*):(?P<repeated>repeated\s+)?"
    r"(?P<type>map<\s*\w+\s*,\s*[\w.]+\s*>|\.?[A-Za-z_][\w.]*)(?P<list>\[\])?"
)


def init(directory: Path, name: str) -> tuple[str, ...]:
    """Begin the package `name` (`handle/package`) in `directory`; the paths written.

    Raises Invalid for a bad name and WrongState if one of its files is there already.
    """
    manifest = _MANIFEST.format(name=name)
    read_manifest(manifest)
    package = name.replace("/", ".").replace("-", "_")
    files = {
        MANIFEST_FILE: manifest,
        PROTO_FILE: _PROTO.format(package=package),
        "requirements.txt": _REQUIREMENTS,
        ".gitignore": _GITIGNORE,
    }
    _refuse_existing(directory, files)
    compiled = compile_protos(files[PROTO_FILE].encode())
    (directory / "nodes").mkdir(parents=True, exist_ok=True)
    return _write(directory, files, compiled)


def create_message(
    directory: Path,
    name: str,
    fields: Sequence[str] = (),
    imports: Mapping[str, bytes] | None = None,
) -> tuple[str, ...]:
    """Add the message `name` to the package in `directory`; the paths written.

    fields: `order_id:string`, `lines:repeated Line` or `lines:Line[]`, `totals:map<string,double>`.
    imports: as for `compile_protos`. Raises Invalid if the messages would not compile.
    """
    _read_manifest(directory)
    if not NODE_NAME.fullmatch(name):
        message = f"must be a PascalCase name such as OrderRequest, not {name!r}"
        raise Invalid(f"{name!r} cannot be a message", problems=[Problem("name", message)])
    proto = _read(directory, PROTO_FILE)
    lines = [f"  {_field(text)} = {number};" for number, text in enumerate(fields, 1)]
    added = "\n".join([f"message {name} {{", *lines, "}"]) if lines else f"message {name} {{}}"
    proto = f"{proto.rstrip()}\n\n{added}\n"
    compiled = compile_protos(proto.encode(), imports)
    return _write(directory, {PROTO_FILE: proto}, compiled)


def create_node(
    directory: Path,
    name: str,
    input: str,  # noqa: A002 - the manifest's own word
    output: str,
    *,
    pipeline: bool = False,
    imports: Mapping[str, bytes] | None = None,
) -> tuple[str, ...]:
    """Add the node `name` with a handler and a test to the package; the paths written.

    Raises Invalid for a bad or taken name or an unknown message, WrongState if its files exist.
    """
    manifest = _read_manifest(directory)
    compiled = compile_protos(_read(directory, PROTO_FILE).encode(), imports)
    _require_messages(compiled, manifest, input=input, output=output)
    node = NodeSpec(name, input, output, type="pipeline" if pipeline else "unary")
    files = {
        node.file: node_source(node, compiled),
        f"nodes/{node.module}_test.py": node_test(node, compiled),
    }
    text = with_node(_read(directory, MANIFEST_FILE), node)
    _refuse_existing(directory, files)
    return _write(directory, {MANIFEST_FILE: text, **files}, compiled)


def _field(text: str) -> str:
    found = _FIELD.fullmatch(text.strip())
    if found is None:
        message = f"must be name:type, such as order_id:string or lines:Line[], not {text!r}"
        raise Invalid("a field cannot be read", problems=[Problem("fields", message)])
    repeated = "repeated " if found["repeated"] or found["list"] else ""
    return f"{repeated}{found['type']} {found['name']}"


def _require_messages(compiled: CompiledProtos, manifest: PackageManifest, **names: str) -> None:
    known = message_names(compiled.descriptor_set)
    problems = [
        Problem(role, unknown("message", name, known), PROTO_FILE)
        for role, name in names.items()
        if name not in known
    ]
    if problems:
        raise Invalid(f"{manifest.name} has no such message", problems=problems)


def _read_manifest(directory: Path) -> PackageManifest:
    return read_manifest(_read(directory, MANIFEST_FILE))


def _read(directory: Path, name: str) -> str:
    path = directory / name
    if not path.is_file():
        raise NotFound(f"{path} does not exist; `axiomd init` begins a package")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        problem = Problem("", "is not UTF-8 text", name)
        raise Invalid(f"{path} is not UTF-8 text", problems=[problem]) from None


def _refuse_existing(directory: Path, files: Mapping[str, str]) -> None:
    taken = [name for name in files if (directory / name).exists()]
    if taken:
        raise WrongState(
            f"{', '.join(taken)} already exists in {directory}; nothing was changed",
            problems=[Problem("", "already exists", name) for name in taken],
        )


def _write(directory: Path, files: Mapping[str, str], compiled: CompiledProtos) -> tuple[str, ...]:
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
    write_generated(directory, generate(compiled))
    return tuple(files)
