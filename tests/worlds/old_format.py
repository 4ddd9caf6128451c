"""Stores as older versions of axiomd wrote them, made from one of today's."""

from collections.abc import Iterable
from pathlib import Path

import lmdb

from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.records import VERSION

FORMAT_1_TABLES = (
    *("me", "kx", "pk", "pd", "dr", "ar", "ah", "ik", "ex", "jo", "fr"),
    *("rd", "cl", "ti", "st", "fl"),
)


def as_format_4(directory: Path) -> None:
    """Let all that waits for a worker wait in one line, by time, and nobody have limits."""
    with _opened(directory) as environment:
        _line_up(environment)
        limits, meta = environment.open_db(b"tl"), environment.open_db(b"me")
        with environment.begin(write=True) as transaction:
            transaction.drop(limits)
            transaction.put(b"format", b"4", db=meta)


def write_store(directory: Path, recorded: Iterable[str]) -> None:
    """The store of a data directory, from a record: its tables, then a row on each line."""
    (_, *tables), *stored = map(str.split, recorded)
    with lmdb.open(str(directory / "store"), map_size=2**26, max_dbs=64, sync=False) as environment:
        opened = {name: environment.open_db(name.encode()) for name in tables}
        with environment.begin(write=True) as transaction:
            for name, key, *value in stored:
                content = bytes.fromhex("".join(value))
                transaction.put(bytes.fromhex(key), content, db=opened[name])


def _opened(directory: Path) -> lmdb.Environment:
    return lmdb.open(str(directory / "store"), map_size=2**30, max_dbs=64, sync=False)


def _line_up(environment: lmdb.Environment) -> None:
    queues, line = environment.open_db(b"rq"), environment.open_db(b"rd")
    with environment.begin(write=True) as transaction:
        for key, _ in list(transaction.cursor(queues)):
            created_and_id = bytes(key)[-24:]
            transaction.put(created_and_id, b"", db=line)
        transaction.drop(queues)


def as_format_1(directory: Path) -> None:
    """Take everything away that format 1 did not have: tables, and a field of executions."""
    with _opened(directory) as environment:
        _line_up(environment)
        for name in set(keys.TABLES) - set(FORMAT_1_TABLES):
            table = environment.open_db(name.encode())
            with environment.begin(write=True) as transaction:
                transaction.drop(table)
        executions, meta = environment.open_db(b"ex"), environment.open_db(b"me")
        with environment.begin(write=True) as transaction:
            for key, value in list(transaction.cursor(executions)):
                record = pb.Execution.FromString(bytes(value)[1:])
                record.ClearField("idempotency")
                transaction.put(bytes(key), VERSION + record.SerializeToString(), db=executions)
            transaction.put(b"format", b"1", db=meta)
