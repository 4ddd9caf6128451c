"""Who waits for a worker, read queue by queue: each flow of each tenant is one.

In a queue the highest priority goes first, then the oldest. Which queues hold anything is found
with one seek for each of them, whatever is in them, and who is next in one with another: nobody
walks past what waits in a queue whose turn it is not.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import lmdb

from axiomd.store import keys
from axiomd.store.env import Store

Queue = tuple[str, str]
"""Tenant and flow."""
FRONT = b""
"""The place before every other in a queue."""


class ReadyLook:
    """One snapshot of all that waits."""

    def __init__(self, transaction: "lmdb.Transaction", table: "lmdb._Database") -> None:
        self._transaction = transaction
        self._table = table

    def queue(self, queue: Queue, first: bytes = FRONT) -> Iterator[tuple[bytes, str]]:
        """Who waits in a queue from the place `first` on, in its order: place and execution."""
        prefix = keys.text_key(*queue)
        walk = self._transaction.cursor(self._table)
        more = walk.set_range(prefix + first)
        while more and (key := bytes(walk.key())).startswith(prefix):
            yield key[len(prefix) :], key[-keys.EXECUTION_BYTES :].hex()
            more = walk.next()

    def queues(self) -> Iterator[Queue]:
        """The queues that hold anything."""
        walk = self._transaction.cursor(self._table)
        more = walk.first()
        while more:
            queue = keys.ready_queue(bytes(walk.key()))
            yield queue
            # No place begins with so high a rank.
            more = walk.set_range(keys.text_key(*queue) + b"\xff")


class Ready:
    """What waits for a worker."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def look(self) -> Iterator[ReadyLook]:
        """A snapshot; never awaited in."""
        with self._store.read() as transaction:
            yield ReadyLook(transaction, self._store.tables[keys.READY])

    def heads(self, limit: int) -> list[str]:
        """Who is first in each queue, of at most `limit` queues."""
        with self.look() as look:
            queues = itertools.islice(look.queues(), limit)
            return [
                identity
                for queue in queues
                for _, identity in itertools.islice(look.queue(queue), 1)
            ]

    def ahead(self, queue: Queue, place: bytes, limit: int) -> int | None:
        """How many wait before a place in its queue; None if nobody waits there, or too many."""
        with self.look() as look:
            for number, (found, _) in enumerate(itertools.islice(look.queue(queue), limit)):
                if found >= place:
                    return number if found == place else None
        return None
