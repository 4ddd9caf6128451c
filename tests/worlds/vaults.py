"""Secrets and flow configs in a directory without a server: a real disk, the writer inline."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from worlds.rows import commit_now
from worlds.seeds import TickingClock, run_inline

from axiomd.engine.flow_configs import FlowConfigs, Wanted
from axiomd.engine.provision import Provision
from axiomd.engine.sealer import Sealer
from axiomd.engine.tenant_secrets import TenantSecrets
from axiomd.flow.package import EnvSpec, NodeSpec, PackageManifest
from axiomd.ids import Ids
from axiomd.settings import StoreSettings
from axiomd.store.acts import Actor
from axiomd.store.env import Store, open_store
from axiomd.store.key_file import KeyFile
from axiomd.store.rotation import Rotated, rotate
from axiomd.store.vault import Vault
from axiomd.store.writer import Writer

SETTINGS = StoreSettings(map_size_bytes=2**26, sync=False)
PLATFORM_S = 300.0
BY = Actor("a test", "default")


class InlineDriver:
    """Writes whatever is submitted at once, where it is submitted."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def wake(self) -> None:
        commit_now(self._writer)


@attrs.frozen(eq=False)
class Vaulted:
    """One look into a directory: what a server would have open."""

    store: Store
    vault: Vault
    key_file: KeyFile
    sealer: Sealer
    secrets: TenantSecrets
    configs: FlowConfigs

    def rotate(self, **options: bool) -> Rotated:
        return rotate(self.store, self.key_file, **options)


@contextmanager
def open_vault(directory: Path) -> Iterator[Vaulted]:
    """What is sealed in a directory, as a server that starts on it would open it."""
    with open_store(SETTINGS, directory) as store:
        yield look(store, directory)


def look(store: Store, directory: Path) -> Vaulted:
    """One more process at the same store: it knows no key yet."""
    clock = TickingClock()
    ids = Ids(clock)
    writer = Writer(store, lambda _: None)
    writer.drive(InlineDriver(writer))
    vault, key_file = Vault(store), KeyFile(directory, ids.random_bytes)
    sealer = Sealer(key_file, vault, run_inline)
    return Vaulted(
        store=store,
        vault=vault,
        key_file=key_file,
        sealer=sealer,
        secrets=TenantSecrets(writer, vault, sealer, clock),
        configs=FlowConfigs(writer, vault, sealer, clock, ids, PLATFORM_S),
    )


def wanted(
    profile: str = "default",
    flow: str = "",
    seconds: float = 0.0,
    secrets: Mapping[str, str | None] | None = None,
) -> Wanted:
    return Wanted(flow, profile, seconds, secrets)


def manifest(nodes: Mapping[str, tuple[str, ...]] = {}, *env: EnvSpec) -> PackageManifest:
    """A package whose nodes require these secrets."""
    specs = [NodeSpec(name, "In", "Out", required_secrets=names) for name, names in nodes.items()]
    return PackageManifest("acme/p", "1.0.0", "python", nodes=tuple(specs), env=env)


@asynccontextmanager
async def open_provision(
    declared: PackageManifest, tenant: str = "default", **values: str
) -> AsyncIterator[Provision]:
    """Gives calls what a manifest declares, of a tenant that has these secrets."""
    with TemporaryDirectory() as directory, open_vault(Path(directory)) as opened:
        for name, value in values.items():
            await opened.secrets.put(tenant, name, value, BY)
        yield Provision(lambda *_: declared, opened.secrets, opened.configs)
