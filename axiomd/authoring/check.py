"""Whether a package is whole: its manifest, messages and node files agree with each other.

The one check behind `axiomd validate` and a push. Promises every problem at once, with file and
line, and that the package's code is parsed but never run. What the code does is not known here.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from axiomd.authoring.bundle import Bundle, digest_of
from axiomd.authoring.node_source import node_problems
from axiomd.authoring.protoc import CompiledProtos, compile_protos
from axiomd.authoring.requirements import Requirements, read_requirements
from axiomd.errors import Invalid, Problem, Refused
from axiomd.flow.document import read_yaml
from axiomd.flow.package import (
    MANIFEST_FILE,
    PROTO_FILE,
    PackageManifest,
    PushedPackage,
    message_names,
    read_manifest,
)
from axiomd.limits import PROBLEMS_MAX
from axiomd.strict import locate, nearest, unknown


@attrs.frozen
class CheckedPackage:
    """A package that is whole."""

    manifest: PackageManifest
    compiled: CompiledProtos
    digest: str
    """SHA-256 of its content, imported messages included, 64 hex characters."""
    requirements: Requirements
    """What its nodes need to be installed."""

    @property
    def pushed(self) -> PushedPackage:
        """What compiling a flow needs to know of it."""
        return PushedPackage(self.manifest, self.digest, self.compiled.descriptor_set)


def check(bundle: Bundle, imports: Mapping[str, bytes] | None = None) -> CheckedPackage:
    """The package in `bundle`, or Invalid with every problem.

    imports: the proto files of the packages it imports, and of those they import, by the path
    an import statement gives them (`handle/package/messages.proto`).
    """
    problems: list[Problem] = []
    manifest = _check_manifest(bundle, problems)
    compiled = _check_protos(bundle, imports or {}, problems)
    if manifest is not None:
        names = None if compiled is None else message_names(compiled.descriptor_set)
        said = list(_imports_problems(manifest, imports or {}))
        if compiled is not None:
            said += _message_problems(manifest, compiled)
        problems += _located(bundle, said)
        for node in manifest.nodes:
            problems += node_problems(node, bundle.files, names)
    requirements, said = read_requirements(bundle.files)
    problems += said
    if problems or manifest is None or compiled is None:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise Invalid(f"the package is not valid: {count}", problems=problems[:PROBLEMS_MAX])
    digest = _digest(bundle, imports or {}, compiled)
    return CheckedPackage(manifest, compiled, digest, requirements)


def _digest(bundle: Bundle, imports: Mapping[str, bytes], compiled: CompiledProtos) -> str:
    """What names the content: the package's files, and the imported protos that it reaches.

    The protos as they were written: what a compiler makes of them may change with its version.
    """
    files = FileDescriptorSet.FromString(compiled.descriptor_set).file
    # Below `gen/` no package has a file of its own.
    reached = {f"gen/{file.name}": imports[file.name] for file in files if file.name in imports}
    return digest_of({**bundle.files, **reached})


def _check_manifest(bundle: Bundle, problems: list[Problem]) -> PackageManifest | None:
    text = bundle.files.get(MANIFEST_FILE)
    if text is None:
        problems.append(Problem("", "is missing: a package is described by it", MANIFEST_FILE))
        return None
    try:
        return read_manifest(text)
    except Refused as failure:
        problems += failure.problems or [Problem("", failure.message, MANIFEST_FILE)]
        return None


def _check_protos(
    bundle: Bundle, imports: Mapping[str, bytes], problems: list[Problem]
) -> CompiledProtos | None:
    text = bundle.files.get(PROTO_FILE)
    if text is None:
        problems.append(Problem("", "is missing: a package's messages are in it", PROTO_FILE))
        return None
    try:
        return compile_protos(text, imports)
    except Invalid as failure:
        problems += failure.problems
        return None


def _located(bundle: Bundle, problems: Sequence[Problem]) -> list[Problem]:
    """`problems` of the manifest with their lines."""
    if not problems:
        return []
    lines = read_yaml(bundle.files[MANIFEST_FILE], file=MANIFEST_FILE).lines
    return [locate(problem, MANIFEST_FILE, lines) for problem in problems]


def _imports_problems(manifest: PackageManifest, imports: Mapping[str, bytes]) -> Iterator[Problem]:
    for index, spec in enumerate(manifest.imports):
        if spec.proto_path not in imports:
            path = f"imports[{index}].package"
            yield Problem(path, f"the package {spec.ref} was not found; push it first")


def _message_problems(manifest: PackageManifest, compiled: CompiledProtos) -> Iterator[Problem]:
    names = message_names(compiled.descriptor_set)
    own = [name for name in names if not name.startswith("google.protobuf.")]
    for index, node in enumerate(manifest.nodes):
        for key, name in (("input", node.input), ("output", node.output)):
            if name not in names:
                known = names if nearest(name, own) is None else own
                yield Problem(f"nodes[{index}].{key}", unknown("message", name, known))
    for index, spec in enumerate(manifest.imports):
        offered = _offered(compiled, spec.proto_path)
        for position, name in enumerate(spec.messages if offered is not None else ()):
            if name not in (offered or ()):
                path = f"imports[{index}].messages[{position}]"
                yield Problem(path, unknown("message", name, offered or ()))


def _offered(compiled: CompiledProtos, path: str) -> set[str] | None:
    """Names of an imported file's messages, short and full; None if the proto leaves it out."""
    for file in FileDescriptorSet.FromString(compiled.descriptor_set).file:
        if file.name == path:
            alone = FileDescriptorSet(file=[file]).SerializeToString()
            return set(message_names(alone))
    return None
