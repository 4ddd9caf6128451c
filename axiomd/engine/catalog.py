"""What has been pushed and compiled: packages, drafts, artifacts, and their message types.

Packages are kept by content; a version names a content and may come to name another one, but an
artifact pins the digest. Artifacts are immutable, so they and their message types are cached by
ID for as long as there is room. Whatever takes its time (compiling, packing, the disk) runs off
the event loop.
"""

import json
from collections.abc import Mapping
from typing import Protocol

import attrs
import structlog

from axiomd.authoring.bundle import Bundle, pack, unpack
from axiomd.authoring.check import CheckedPackage, check
from axiomd.authoring.generate import generate
from axiomd.authoring.protoc import CompiledProtos
from axiomd.clock import Clock
from axiomd.engine.parts import RunBlocking
from axiomd.engine.recent import Recent
from axiomd.engine.revising import revise
from axiomd.errors import NotFound, StoreFailed, WrongMode
from axiomd.execution.journal import Payload
from axiomd.flow.artifact import Artifact, Placement
from axiomd.flow.compile import compile_flow
from axiomd.flow.messages import MessageType, MessageTypes
from axiomd.flow.package import (
    MANIFEST_FILE,
    PROTO_FILE,
    PackageManifest,
    PushedPackage,
    read_manifest,
)
from axiomd.flow.resolve import Subflow
from axiomd.flow.rules import Rules, compile_rules
from axiomd.flow.source import FlowSource, flow_document, read_flow_json
from axiomd.ids import Ids
from axiomd.limits import ARTIFACTS_CACHED_MAX, PACKAGES_CACHED_MAX, PAGE_ROWS_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, Actor, acted
from axiomd.store.artifact_records import encode_artifact
from axiomd.store.batch import Existing
from axiomd.store.blobs import Blobs
from axiomd.store.commit import RowsCommit
from axiomd.store.reader import Reader
from axiomd.store.records import (
    DraftRecord,
    PackageRecord,
    decode_package,
    encode_draft,
    encode_package,
)
from axiomd.store.writer import Writer
from axiomd.strict import unknown

log = structlog.get_logger("axiomd.engine")


class Installer(Protocol):
    """Where a package's files go so that nodes can run."""

    def missing(self, digest: str) -> bool:
        """Whether the content is not installed here."""
        ...

    def install(self, digest: str, files: Mapping[str, bytes]) -> None:
        """Write the files of a package, durably and at once or not at all."""
        ...


class Builder(Protocol):
    """Who builds the environments of packages with requirements, in the background."""

    def want(self, digest: str, *, again: bool = False) -> object:
        """Begin to build what a package needs, unless it is there or being built.

        again: also if that has failed before.
        """
        ...


@attrs.frozen(eq=False)
class LoadedArtifact:
    """An artifact with the message types of its placements."""

    artifact: Artifact
    inputs: tuple[MessageType, ...]
    """For each placement its input message."""
    outputs: tuple[MessageType, ...]
    """For each placement its output message."""
    rules: Rules
    """The expressions of its edges."""
    depth: int = 0
    """Levels of subflows within it."""

    @property
    def entry(self) -> MessageType:
        """What an invocation takes."""
        return self.inputs[self.artifact.entry]

    @property
    def terminal(self) -> MessageType:
        """What an invocation returns."""
        return self.outputs[self.artifact.terminal]


@attrs.frozen
class Pushed:
    """What a push left behind."""

    package: PackageRecord
    checked: CheckedPackage
    changed: bool
    """Whether the version names another content than before, or is new."""


class Catalog:
    """Packages, flows and artifacts."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        blobs: Blobs,
        installer: Installer,
        builder: Builder,
        clock: Clock,
        ids: Ids,
        run_blocking: RunBlocking,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._installer = installer
        self._builder = builder
        self._clock = clock
        self._ids = ids
        self._run_blocking = run_blocking
        self._types: Recent[str, MessageTypes] = Recent(PACKAGES_CACHED_MAX)
        self._manifests: Recent[str, PackageManifest] = Recent(PAGE_ROWS_MAX)
        self._loaded: Recent[tuple[str, str], LoadedArtifact] = Recent(ARTIFACTS_CACHED_MAX)

    # -- packages -----------------------------------------------------------------------------

    async def push(self, tenant: str, archive: bytes, by: Actor) -> Pushed:
        """Check a packed package, install it, and let its version name this content.

        What it needs is built in the background from then on, also if that failed before.
        Raises Malformed, TooLarge, Invalid, StoreFull.
        """
        prepared: tuple[CheckedPackage, PackageRecord, Payload] = await self._run_blocking(
            self._prepare, tenant, archive
        )
        # Held to the end of this: the files are not collected before their name is on disk.
        checked, record, _files = prepared
        content_key = keys.content_key(tenant, record.digest)
        contents = (keys.PACKAGE_CONTENTS, content_key)
        reference = keys.named_by_package(record.bundle, content_key)
        rows = ((*contents, encode_package(record)), (keys.BLOB_REFERENCES, reference, b""))
        kept = await self._writer.submit(RowsCommit(rows, unless=contents)).wait()
        if isinstance(kept, Existing):
            # What a digest names never changes, not even by a newer proto compiler.
            record = attrs.evolve(decode_package(kept.value), pushed_ns=record.pushed_ns)
        before = self._reader.package(tenant, record.name, record.version)
        version_key = keys.package_key(tenant, record.name, record.version)
        changed = before is None or before.digest != record.digest
        row = (keys.PACKAGES, version_key, encode_package(record))
        subject, detail = f"{record.name}@{record.version}", {"digest": record.digest}
        acts = acted(
            by, tenant, record.pushed_ns, ActKind.PACKAGE_PUSHED, subject, **detail, changed=changed
        )
        await self._writer.submit(RowsCommit((row,), acts=acts)).wait()
        self._builder.want(record.digest, again=True)
        return Pushed(record, checked, changed)

    def _prepare(
        self, tenant: str, archive: bytes
    ) -> tuple[CheckedPackage, PackageRecord, Payload]:
        """Check, install and keep a packed package; blocks."""
        bundle = unpack(archive)
        checked = check(bundle, self._imports(tenant, bundle))
        self._installer.install(checked.digest, {**bundle.files, **generate(checked.compiled)})
        files = self._blobs.put(pack(bundle))
        record = PackageRecord(
            name=checked.manifest.name,
            version=checked.manifest.version,
            digest=checked.digest,
            manifest=bundle.files[MANIFEST_FILE].decode(),
            descriptor_set=checked.compiled.descriptor_set,
            bundle=files.blob,
            own_proto=bundle.files[PROTO_FILE],
            pushed_ns=self._clock.now_ns(),
        )
        return checked, record, files

    def _imports(self, tenant: str, bundle: Bundle) -> dict[str, bytes]:
        """The protos of the packages that a manifest imports, by the path they are imported as."""
        text = bundle.files.get(MANIFEST_FILE)
        found: dict[str, bytes] = {}
        if text is None:
            return found
        wanted = list(read_manifest(text).imports)
        while wanted:
            spec = wanted.pop()
            package = self._reader.package(tenant, spec.package, spec.version)
            if package is not None and spec.proto_path not in found:
                found[spec.proto_path] = package.own_proto
                wanted += self.manifest(package).imports
        return found

    async def install_missing(self) -> None:
        """Install what the store has and this box has not: the directory of a restored store.

        Raises StoreFull. A package whose files are damaged is logged and passed over.
        """
        await self._run_blocking(self._install_missing)

    def _install_missing(self) -> None:
        for tenant, digest in self._reader.package_contents():
            if not self._installer.missing(digest):
                continue
            try:
                package = self._reader.package_content(tenant, digest)
                files = unpack(self._blobs.read(package.bundle)).files
            except StoreFailed as failure:
                log.warning("package_not_restored", digest=digest, error=str(failure))
                continue
            compiled = CompiledProtos(package.descriptor_set, pyi="")
            self._installer.install(digest, {**files, **generate(compiled)})

    def resume_builds(self) -> None:
        """Begin to build what a pushed version needs and this box has not."""
        for digest in self._reader.pushed_digests():
            # Passed over if its files were damaged: `install_missing` has told.
            if not self._installer.missing(digest):
                self._builder.want(digest)

    def manifest(self, package: PackageRecord) -> PackageManifest:
        """The manifest of a stored package, cached by content."""
        return self._manifests.fetch(package.digest, lambda: read_manifest(package.manifest))

    def manifest_by(self, tenant: str, digest: str) -> PackageManifest:
        """The manifest of a content. Raises StoreFailed if there is no such content."""
        return self.manifest(self._reader.package_content(tenant, digest))

    def manifest_of(self, package: PackageRecord) -> PushedPackage:
        """A stored package as a compile needs it."""
        return PushedPackage(self.manifest(package), package.digest, package.descriptor_set)

    # -- flows --------------------------------------------------------------------------------

    async def save_draft(self, tenant: str, source: FlowSource, by: Actor) -> DraftRecord:
        """Store a flow as it is being edited; nothing about it has to be right."""
        now_ns = self._clock.now_ns()
        acts = acted(by, tenant, now_ns, ActKind.FLOW_SAVED, source.name)
        return await self._put_draft(tenant, source, now_ns, acts)

    async def _put_draft(
        self,
        tenant: str,
        source: FlowSource,
        now_ns: int,
        acts: tuple[Act, ...] = (),
        graph_id: str = "",
    ) -> DraftRecord:
        draft = DraftRecord(source.name, json.dumps(flow_document(source)), now_ns, graph_id)
        key = keys.text_key(tenant) + source.name.encode()
        row = (keys.DRAFTS, key, encode_draft(draft))
        await self._writer.submit(RowsCommit((row,), acts=acts)).wait()
        return draft

    async def delete_draft(self, tenant: str, name: str, by: Actor) -> None:
        """Forget a draft; its artifacts stay. Raises NotFound."""

        def deleted() -> RowsCommit:
            row = keys.DRAFTS, keys.text_key(tenant) + name.encode()
            still = (*row, encode_draft(self._reader.draft(tenant, name)))
            acts = acted(by, tenant, self._clock.now_ns(), ActKind.FLOW_DELETED, name)
            return RowsCommit((), deletes=(row,), acts=acts, still=(still,))

        await revise(self._writer, deleted)

    async def compile_draft(self, tenant: str, name: str, by: Actor) -> tuple[Artifact, bool]:
        """Compile a stored draft and remember the artifact with it; see `compile`."""
        document = self._reader.draft(tenant, name).document
        source: FlowSource = await self._run_blocking(lambda: read_flow_json(json.loads(document)))
        artifact, created = await self.compile(tenant, source, by)
        now_ns = self._clock.now_ns()
        await self._put_draft(tenant, source, now_ns, graph_id=artifact.graph_id)
        return artifact, created

    async def compile(self, tenant: str, source: FlowSource, by: Actor) -> tuple[Artifact, bool]:
        """The artifact of a flow, and whether it is a new one.

        Raises CompileFailed with every problem.
        """
        artifact: Artifact = await self._run_blocking(
            self._compile, tenant, source, self._ids.artifact_id()
        )
        hash_key = keys.hashed_key(tenant, bytes.fromhex(artifact.content_hash))
        identity = artifact.graph_id.encode()
        kind, detail = ActKind.FLOW_COMPILED, {"graph_id": artifact.graph_id}
        result = await self._writer.submit(
            RowsCommit(
                (
                    (keys.ARTIFACTS, identity, encode_artifact(artifact)),
                    (keys.ARTIFACT_HASHES, hash_key, identity),
                ),
                unless=(keys.ARTIFACT_HASHES, hash_key),
                acts=acted(by, tenant, artifact.created_ns, kind, artifact.flow, **detail),
            )
        ).wait()
        if isinstance(result, Existing):
            return self._reader.artifact(tenant, result.value.decode()), False
        return artifact, True

    def _compile(self, tenant: str, source: FlowSource, graph_id: str) -> Artifact:
        known = self._reader.package_names(tenant)
        named = {node.package for node in source.nodes if node.package}
        packages = {}
        for name, version in known:
            ref = f"{name}@{version}"
            record = self._reader.package(tenant, name, version) if ref in named else None
            if record is not None:
                packages[ref] = self.manifest_of(record)
        return compile_flow(
            source,
            packages,
            self.types_of,
            tenant=tenant,
            graph_id=graph_id,
            created_ns=self._clock.now_ns(),
            known_packages=[f"{name}@{version}" for name, version in known],
            subflows=self._subflows(tenant, source),
        )

    def _subflows(self, tenant: str, source: FlowSource) -> dict[str, Subflow]:
        """Those of the artifacts which a flow runs as children that exist."""
        found = {}
        for graph_id in {node.subflow for node in source.nodes if node.subflow}:
            try:
                loaded = self.load(tenant, graph_id)
            except NotFound:
                continue
            mode = loaded.artifact.mode
            found[graph_id] = Subflow(graph_id, loaded.entry, loaded.terminal, mode, loaded.depth)
        return found

    # -- artifacts ----------------------------------------------------------------------------

    def artifact(self, tenant: str, graph_id: str) -> Artifact:
        """An artifact, cached. Raises NotFound."""
        return self.load(tenant, graph_id).artifact

    def rules(self, tenant: str, graph_id: str) -> Rules:
        """The expressions of an artifact's edges, cached. Raises NotFound."""
        return self.load(tenant, graph_id).rules

    def load(self, tenant: str, graph_id: str) -> LoadedArtifact:
        """An artifact with its message types, cached. Raises NotFound."""
        return self._loaded.fetch(
            (tenant, graph_id), lambda: self._load(self._reader.artifact(tenant, graph_id))
        )

    def load_node(self, tenant: str, name: str, version: str, node: str) -> LoadedArtifact:
        """A throw-away artifact of one unary node. Raises NotFound, WrongMode."""
        package = self._reader.package(tenant, name, version)
        if package is None:
            raise NotFound(f"There is no package {name}@{version}.")
        manifest = self.manifest(package)
        spec = manifest.node(node)
        if spec is None:
            raise NotFound(unknown("node", node, [known.name for known in manifest.nodes]))
        if spec.type == "pipeline":
            raise WrongMode(f"{node} is a pipeline node: invoke it in a flow, on invoke/stream.")
        types = self.types_of(self.manifest_of(package))
        placement = Placement(
            alias=node,
            package=manifest.ref,
            node=node,
            digest=package.digest,
            kind="unary",
            input_type=types.find(spec.input).full_name,
            output_type=types.find(spec.output).full_name,
            concurrency=spec.concurrency,
        )
        return self._load(
            Artifact("", tenant, manifest.ref, "unary", (placement,), (), 0, 0, package.digest)
        )

    def types_of(self, package: PushedPackage) -> MessageTypes:
        """The message types of a package, cached by content."""
        return self._types.fetch(package.digest, lambda: MessageTypes(package.descriptor_set))

    def _load(self, artifact: Artifact) -> LoadedArtifact:
        placements = artifact.placements
        types = {digest: self._types_by(artifact.tenant, digest) for digest in artifact.pinned}
        children = {
            graph_id: self.load(artifact.tenant, graph_id)
            for graph_id in {placement.subflow for placement in placements if placement.subflow}
        }
        inputs = tuple(
            children[p.subflow].entry if p.subflow else types[p.digest].find(p.input_type)
            for p in placements
        )
        outputs = tuple(
            children[p.subflow].terminal if p.subflow else types[p.digest].find(p.output_type)
            for p in placements
        )
        undos = {
            number: types[p.compensate.digest].find(p.compensate.input_type)
            for number, p in enumerate(placements)
            if p.compensate is not None
        }
        rules = compile_rules(artifact, inputs, outputs, undos)
        depth = max((child.depth + 1 for child in children.values()), default=0)
        return LoadedArtifact(artifact, inputs, outputs, rules, depth)

    def _types_by(self, tenant: str, digest: str) -> MessageTypes:
        package = self._reader.package_content(tenant, digest)
        return self._types.fetch(digest, lambda: MessageTypes(package.descriptor_set))
