"""Flow configs: made, replaced, removed, and what follows from them for an invocation."""

from collections.abc import Callable, Mapping

import attrs

from axiomd.clock import Clock
from axiomd.engine.revising import revise, revise_slowly
from axiomd.engine.sealer import Sealer, Sealing, Still
from axiomd.errors import Invalid, NotFound, Problem, ProfileTaken
from axiomd.execution.flow_configs import FlowConfig, Sealed, Terms, resolve
from axiomd.ids import Ids
from axiomd.limits import CONFIG_SECRETS_MAX, FLOW_CONFIGS_PER_TENANT_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, Actor, acted
from axiomd.store.commit import RowsCommit
from axiomd.store.key_file import override_place
from axiomd.store.vault import StoredConfig, Vault
from axiomd.store.vault_records import encode_config
from axiomd.store.writer import Writer

_NOT_VALID = "The flow config is not valid."


@attrs.frozen
class Wanted:
    """What somebody wants a config to be."""

    flow: str
    """Empty for all flows."""
    profile: str
    node_timeout_s: float
    """0 for as it is without this config."""
    secrets: Mapping[str, str | None] | None = attrs.field(repr=False)
    """All of them by name, None for one that stays as it is; None for all as they are."""


class FlowConfigs:
    """The flow configs of this box."""

    def __init__(
        self,
        writer: Writer,
        vault: Vault,
        sealer: Sealer,
        clock: Clock,
        ids: Ids,
        platform_timeout_s: float,
    ) -> None:
        self._writer = writer
        self._vault = vault
        self._sealer = sealer
        self._clock = clock
        self._ids = ids
        self._platform_timeout_s = platform_timeout_s

    def list(self, tenant: str, flow: str | None) -> list[FlowConfig]:
        """A tenant's configs, newest first; of one flow, or, for the empty one, of all flows."""
        every = self._vault.configs(tenant)[::-1]
        return [config for config in every if flow is None or config.flow == flow]

    def find(self, tenant: str, config_id: str) -> FlowConfig:
        """A tenant's config. Raises NotFound."""
        return self._find(tenant, config_id).config

    def _find(self, tenant: str, config_id: str) -> StoredConfig:
        found = self._vault.config(tenant, config_id)
        if found is None:
            raise NotFound(f"There is no flow config {config_id}.")
        return found

    def terms(self, tenant: str, flow: str, config_id: str | None = None) -> Terms:
        """What an invocation of a flow is given. Raises Invalid if it cannot have that config."""
        found = self._vault.holding(tenant, flow, config_id or "")
        named = None
        if config_id is not None:
            named = next((one for one in reversed(found) if one.config_id == config_id), None)
            if named is None or not named.holds_for(flow):
                words = f"is the config of another flow, {named.flow}" if named else _NO_SUCH
                problems = [Problem("config_id", words)]
                raise Invalid("The request body is not valid.", problems=problems)
        return resolve(self._platform_timeout_s, found, named)

    async def create(self, tenant: str, wanted: Wanted, by: Actor) -> FlowConfig:
        """Make a config. Raises ProfileTaken, Invalid, KeyFileUnusable, StoreFull."""
        if len(self._vault.configs(tenant)) >= FLOW_CONFIGS_PER_TENANT_MAX:
            words = f"there are {FLOW_CONFIGS_PER_TENANT_MAX} configs already; remove one first"
            raise Invalid(_NOT_VALID, problems=[Problem("", words)])
        config_id = self._ids.artifact_id()
        return await self._write(tenant, config_id, lambda: None, wanted, by)

    async def replace(self, tenant: str, config_id: str, wanted: Wanted, by: Actor) -> FlowConfig:
        """Replace all of a config but its flow. Raises NotFound, and what `create` does."""

        def before() -> StoredConfig:
            found = self._find(tenant, config_id)
            if found.config.flow != wanted.flow:
                said = found.config.flow or "all flows"
                words = f"cannot be changed: this is a config of {said}; make another one"
                raise Invalid(_NOT_VALID, problems=[Problem("flow", words)])
            return found

        return await self._write(tenant, config_id, before, wanted, by)

    async def _write(
        self,
        tenant: str,
        config_id: str,
        find: Callable[[], StoredConfig | None],
        wanted: Wanted,
        by: Actor,
    ) -> FlowConfig:
        """Put a config in the place of the one that `find` says."""
        written: list[FlowConfig] = []

        async def revised() -> RowsCommit:
            before = find()
            made, sealing = await self._made(tenant, config_id, before, wanted)
            self._refuse_if_taken(made)
            written.append(made)
            return _commit(made, before, sealing, by)

        await revise_slowly(self._writer, revised)
        return written[-1]

    async def _made(
        self, tenant: str, config_id: str, before: StoredConfig | None, wanted: Wanted
    ) -> tuple[FlowConfig, Sealing | None]:
        """A config as it is wanted, and what sealed its new secrets, if there are any."""
        at_ns = self._clock.now_ns()
        known = before.config.secrets if before is not None else {}
        sealing, secrets = await self._sealed(tenant, config_id, known, wanted.secrets)
        config = FlowConfig(
            config_id=config_id,
            tenant=tenant,
            flow=wanted.flow,
            profile=wanted.profile,
            created_ns=before.config.created_ns if before is not None else at_ns,
            updated_ns=at_ns,
            node_timeout_s=wanted.node_timeout_s,
            secrets=secrets,
        )
        return config, sealing

    def _refuse_if_taken(self, config: FlowConfig) -> None:
        """Raise ProfileTaken if another config has the profile."""
        holder = self._vault.config_of(config.tenant, config.flow, config.profile)
        if holder not in ("", config.config_id):
            of = f"flow {config.flow}" if config.flow else "all flows"
            raise ProfileTaken(f"There is a config for profile {config.profile} of {of} already.")

    async def _sealed(
        self,
        tenant: str,
        config_id: str,
        before: Mapping[str, Sealed],
        wanted: Mapping[str, str | None] | None,
    ) -> tuple[Sealing | None, Mapping[str, Sealed]]:
        """The secrets of a config, and what sealed those that are new, if any are."""
        if wanted is None:
            return None, before
        problems = [
            Problem(f"secrets.{name}", "cannot stay as it is: it is not set")
            for name, value in wanted.items()
            if value is None and name not in before
        ]
        if len(wanted) > CONFIG_SECRETS_MAX:
            problems.append(Problem("secrets", f"are more than {CONFIG_SECRETS_MAX}"))
        if problems:
            raise Invalid(_NOT_VALID, problems=problems)
        if all(value is None for value in wanted.values()):
            return None, {name: before[name] for name in wanted}
        sealing = await self._sealer.sealing()
        sealed = {
            name: before[name]
            if value is None
            else sealing.seal(value, override_place(tenant, config_id, name))
            for name, value in wanted.items()
        }
        return sealing, sealed

    async def delete(self, tenant: str, config_id: str, by: Actor) -> None:
        """Remove a config; executions that were given it go on with what is left.

        Raises NotFound.
        """

        def deleted() -> RowsCommit:
            before = self._find(tenant, config_id)
            return RowsCommit(
                (),
                deletes=(_row(before.config), _profile_row(before.config)),
                acts=_acts(before.config, ActKind.FLOW_CONFIG_DELETED, self._clock.now_ns(), by),
                still=((*_row(before.config), before.row),),
            )

        await revise(self._writer, deleted)


_NO_SUCH = "there is no such flow config"


def _commit(
    config: FlowConfig, before: StoredConfig | None, sealing: Sealing | None, by: Actor
) -> RowsCommit:
    """What puts a config in the place of another, or of none."""
    name, old = _profile_row(config), _profile_row(before.config) if before else None
    still: Still = ((*_row(config), before.row if before is not None else None),)
    if name != old:
        still = (*still, (*name, None))
    if sealing is not None:
        still = (*still, *sealing.still)
    kind = ActKind.FLOW_CONFIG_CHANGED if before is not None else ActKind.FLOW_CONFIG_CREATED
    return RowsCommit(
        (
            (*_row(config), encode_config(config)),
            (*name, config.config_id.encode()),
            *(sealing.puts if sealing is not None else ()),
        ),
        deletes=(old,) if old is not None and old != name else (),
        acts=_acts(config, kind, config.updated_ns, by),
        still=still,
    )


def _acts(config: FlowConfig, kind: ActKind, at_ns: int, by: Actor) -> tuple[Act, ...]:
    told = {
        "flow": config.flow or None,
        "profile": config.profile,
        "node_timeout_seconds": config.node_timeout_s or None,
        "secrets": sorted(config.secrets),
    }
    return acted(by, config.tenant, at_ns, kind, config.config_id, **told)


def _row(config: FlowConfig) -> tuple[str, bytes]:
    return keys.FLOW_CONFIGS, keys.flow_config_key(config.tenant, config.config_id)


def _profile_row(config: FlowConfig) -> tuple[str, bytes]:
    return keys.FLOW_CONFIGS, keys.profile_key(config.tenant, config.flow, config.profile)
