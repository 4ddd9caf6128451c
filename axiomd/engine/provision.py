"""What a call is given by its package's manifest: secrets that it declares, and its settings.

The one place where a declaration meets a value. What is missing is told twice: as a warning when
a flow is compiled, and as the failure of the call.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from axiomd.engine.flow_configs import FlowConfigs
from axiomd.engine.recent import Recent
from axiomd.engine.tenant_secrets import TenantSecrets
from axiomd.errors import KeyFileUnusable, Problem
from axiomd.execution.call import Failure, NodeCall
from axiomd.flow.artifact import Artifact
from axiomd.flow.package import PackageManifest, SecretSpec
from axiomd.limits import PAGE_ROWS_MAX

ManifestOf = Callable[[str, str], PackageManifest]
"""(tenant, package digest) to the manifest."""


@attrs.frozen
class Declared:
    """What a node wants."""

    secrets: tuple[SecretSpec, ...]
    config: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its secrets."""
        return tuple(spec.name for spec in self.secrets)


@attrs.frozen
class Provided:
    """What a call gets."""

    config: Mapping[str, str]
    secrets: Mapping[str, str] = attrs.field(repr=False)
    """What `ax.secrets` gives out."""
    kept: Mapping[str, str] = attrs.field(repr=False)
    """Those of them that are secret: a package's own default is not."""


class Provision:
    """Gives calls what their nodes declare, and nothing else."""

    def __init__(
        self, manifest_of: ManifestOf, secrets: TenantSecrets, configs: FlowConfigs
    ) -> None:
        self._manifest_of = manifest_of
        self._secrets = secrets
        self._configs = configs
        self._declared: Recent[tuple[str, str], Declared] = Recent(PAGE_ROWS_MAX)

    def of(self, call: NodeCall) -> Provided | Failure | None:
        """What a call gets; a failure if something that it must have is missing; None if nothing
        is declared."""
        declared = self._of(call.tenant, call.digest, call.node)
        if not declared.secrets:
            return Provided(declared.config, {}, {}) if declared.config else None
        try:
            kept = self._secrets.values(call.tenant, declared.names, call.config_ids)
        except KeyFileUnusable as trouble:
            return Failure("SECRET_MISSING", f"its secrets cannot be read: {trouble}")
        missing = [
            s.name
            for s in declared.secrets
            if s.required and s.name not in kept and s.default is None
        ]
        if missing:
            return Failure("SECRET_MISSING", _missing_words(missing))
        defaults = {s.name: s.default for s in declared.secrets if s.default is not None}
        return Provided(declared.config, {**defaults, **kept}, kept)

    def warnings(self, artifact: Artifact) -> list[Problem]:
        """What calls of a flow must have and would not get, invoked now and without a config."""
        config_ids = self._configs.terms(artifact.tenant, artifact.flow).config_ids
        found: list[Problem] = []
        for number, place, digest, node in _nodes(artifact):
            needs = [
                spec.name
                for spec in self._of(artifact.tenant, digest, node).secrets
                if spec.required and spec.default is None
            ]
            known = self._secrets.known(artifact.tenant, needs, config_ids) if needs else set()
            alias = artifact.placements[number].alias
            found += [
                Problem(
                    f"nodes[{number}]{place}",
                    f"'{alias}': {node} needs the secret {name}, which is not set: "
                    f"`axiomd secrets set {name}`",
                )
                for name in needs
                if name not in known
            ]
        return found

    def _of(self, tenant: str, digest: str, node: str) -> Declared:
        def read() -> Declared:
            manifest = self._manifest_of(tenant, digest)
            return Declared(manifest.secrets_of(node), manifest.config)

        return self._declared.fetch((digest, node), read)


def _nodes(artifact: Artifact) -> Iterator[tuple[int, str, str, str]]:
    """For each node that an artifact calls: its placement, where in that, its digest and name."""
    for number, placement in enumerate(artifact.placements):
        if not placement.subflow:
            yield number, "", placement.digest, placement.node
        if placement.compensate is not None:
            undo = placement.compensate
            yield number, ".config.compensate", undo.digest, undo.node


def _missing_words(names: list[str]) -> str:
    if len(names) == 1:
        return f"the secret {names[0]} is not set: `axiomd secrets set {names[0]}`"
    return f"the secrets {', '.join(names)} are not set: `axiomd secrets set NAME`"
