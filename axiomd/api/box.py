"""What the edge works with."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import attrs

from axiomd.api import answers
from axiomd.clock import Clock
from axiomd.engine.catalog import Catalog, LoadedArtifact
from axiomd.engine.engine import Engine
from axiomd.engine.flow_configs import FlowConfigs
from axiomd.engine.keyring import Keyring
from axiomd.engine.provision import Provision
from axiomd.engine.sign_in import SignIns
from axiomd.engine.tenant_secrets import TenantSecrets
from axiomd.engine.tenants import Tenants
from axiomd.engine.webhooks import Webhooks
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Payload
from axiomd.flow.large_json import Leaf
from axiomd.flow.messages import MessageType
from axiomd.limits import STREAMED_BYTES_MIN
from axiomd.runners.builds import Environments
from axiomd.settings import ServerSettings
from axiomd.store.reader import Reader


@attrs.frozen(eq=False)
class Box:
    """The engine and what is beside it."""

    engine: Engine
    catalog: Catalog
    environments: Environments
    keyring: Keyring
    sign_ins: SignIns
    tenants: Tenants
    reader: Reader
    clock: Clock
    settings: ServerSettings
    webhooks: Webhooks
    secrets: TenantSecrets
    configs: FlowConfigs
    provision: Provision
    traces_queued: Callable[[], int] = lambda: 0
    """Executions and deliveries whose spans wait to be made."""

    def loaded(self, execution: Execution) -> LoadedArtifact:
        """The artifact that an execution runs."""
        return self.catalog.load(execution.tenant, execution.graph_id)

    async def show(
        self, message: MessageType, payloads: Sequence[Payload], leaves: list[Leaf]
    ) -> Any:
        """A message as JSON; what is large in it goes to `leaves` and is written from its file.

        payloads: one, or several whose merge the message is.
        """
        if all(payload.inline is not None for payload in payloads):
            return self.show_now(message, payloads, leaves)
        return await self.engine.parts.run_blocking(self.show_now, message, payloads, leaves)

    def show_now(
        self, message: MessageType, payloads: Sequence[Payload], leaves: list[Leaf]
    ) -> Any:
        """`show`, for a thread: it blocks on blobs."""
        blobs, size = self.engine.parts.blobs, sum(payload.size for payload in payloads)
        if size < STREAMED_BYTES_MIN:
            return message.to_json(b"".join(blobs.get(payload) for payload in payloads))
        value, found = message.to_large_json(blobs.slices(payloads), size)
        leaves += found
        return value

    async def output(self, execution: Execution, leaves: list[Leaf]) -> Any:
        """The output of a completed unary execution, as `show` does; None if there is none."""
        loaded = self.loaded(execution)
        payload = self.reader.output(execution.execution_id, loaded.artifact.terminal)
        return None if payload is None else await self.show(loaded.terminal, [payload], leaves)

    async def written(self, view: Any, leaves: Sequence[Leaf]) -> AsyncGenerator[bytes, None]:
        """A view as JSON in pieces, each made off the event loop when it is asked for."""
        pieces = answers.pieces(view, leaves)
        while piece := await self.engine.parts.run_blocking(next, pieces, b""):
            yield piece
