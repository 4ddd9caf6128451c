"""When API keys were last used: noted in memory, and written behind the back of requests.

A request, or a piece of a stream, costs an entry of a dictionary. What is written goes with the
next batch of anything, at most once a minute for each key, and once more when the box stops; a
box that dies loses a minute of it. A key that is revoked meanwhile stays as it is.
"""

from collections.abc import Callable

import attrs
import structlog
import trio

from axiomd.clock import NS_PER_S, Clock
from axiomd.errors import Occupied, StoreFailed, StoreFull
from axiomd.store import keys
from axiomd.store.commit import RowsCommit
from axiomd.store.reader import Reader
from axiomd.store.records import ApiKeyRecord, encode_api_key
from axiomd.store.writer import Ticket, Writer

log = structlog.get_logger("axiomd.engine")

_LOOK_S = 5.0
"""Seconds between looks at what was noted."""
_WRITE_EVERY_NS = 60 * NS_PER_S
"""Nanoseconds between two writes for one key at least."""


class KeyUse:
    """The uses of this box's keys that are not on disk yet."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._noted: dict[bytes, int] = {}
        """By hash of the key: when it was last used."""
        self._written: dict[bytes, int] = {}
        """By hash of the key: when that was last written."""

    def note(self, digest: bytes) -> None:
        """The key with this hash, which is valid, is used now."""
        self._noted[digest] = self._clock.now_ns()

    def last_ns(self, digest: bytes, stored: ApiKeyRecord) -> int:
        """When a key was last used; 0 for never."""
        return max(stored.last_used_ns, self._noted.get(digest, 0))

    async def keep(self) -> None:
        """Write what is noted until cancelled."""
        while True:
            await trio.sleep(_LOOK_S)
            await self.write_due()

    async def write_due(self) -> None:
        """Write of each key that was used what is known, unless that was done a moment ago."""
        for digest in tuple(self._noted):
            await self._write(digest, self._writer.submit_later, _WRITE_EVERY_NS)

    async def close(self) -> None:
        """Write whatever is noted."""
        for digest in tuple(self._noted):
            await self._write(digest, self._writer.submit, 0)

    async def _write(
        self, digest: bytes, submit: Callable[[RowsCommit], Ticket], every_ns: int
    ) -> None:
        used_ns, record = self._noted[digest], self._reader.api_key(digest)
        if record is None or record.revoked_ns or record.last_used_ns >= used_ns:
            del self._noted[digest]
            return
        now_ns = self._clock.now_ns()
        if now_ns - self._written.get(digest, record.last_used_ns) < every_ns:
            return
        self._written[digest] = now_ns
        after = attrs.evolve(record, last_used_ns=used_ns)
        commit = RowsCommit(
            ((keys.API_KEYS, digest, encode_api_key(after)),),
            still=((keys.API_KEYS, digest, encode_api_key(record)),),
        )
        try:
            await submit(commit).wait()
        except Occupied:
            # Revoked, most likely: the next look tells.
            return
        except (StoreFull, StoreFailed) as trouble:
            log.warning("key_use_not_written", error=str(trouble))
