"""What the edge works with."""

import attrs

from axiomd.clock import Clock
from axiomd.engine.catalog import Catalog, LoadedArtifact
from axiomd.engine.engine import Engine
from axiomd.engine.keyring import Keyring
from axiomd.execution.execution import Execution
from axiomd.execution.journal import EntryKind, Payload
from axiomd.execution.position import Position
from axiomd.runners.builds import Environments
from axiomd.settings import ServerSettings
from axiomd.store.reader import Reader

_TAIL_ENTRIES = 2
"""The terminal's checkpoint and the completion that it brings are the last lines of a journal."""


@attrs.frozen(eq=False)
class Box:
    """The engine and what is beside it."""

    engine: Engine
    catalog: Catalog
    environments: Environments
    keyring: Keyring
    reader: Reader
    clock: Clock
    settings: ServerSettings

    def loaded(self, execution: Execution) -> LoadedArtifact:
        """The artifact that an execution runs."""
        return self.catalog.load(execution.tenant, execution.graph_id)

    async def read(self, payload: Payload) -> bytes:
        """The bytes of a payload; a blob's are read off the event loop."""
        if payload.inline is not None:
            return payload.inline
        parts = self.engine.parts
        content = await parts.run_blocking(parts.blobs.get, payload)
        assert isinstance(content, bytes)
        return content

    async def output(self, execution: Execution) -> object:
        """The output of a completed unary execution, as JSON; None if there is none."""
        loaded = self.loaded(execution)
        terminal = Position(loaded.artifact.terminal)
        for entry in self.reader.journal_backwards(execution.execution_id, _TAIL_ENTRIES):
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position == terminal:
                if entry.payload is None:
                    return None
                return loaded.terminal.to_json(await self.read(entry.payload))
        return None
