"""A box under steady load whose processes are killed all the time, and the account of it.

Requests come at a rate, whatever becomes of those before, and each is repeated with its
Idempotency-Key until it is answered. Latency counts from the moment at which a request was due.
What was promised is checked against the store and against what node code wrote down by itself.
"""

import http.client
import itertools
import json
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import attrs
from rich.table import Table
from system.box import Box
from system.lab import flow

from axiomd.execution.journal import EntryKind
from axiomd.execution.status import Status
from axiomd.store import keys
from axiomd.store.env import Store
from axiomd.store.reader import Reader

STEPS = flow("soak", {"one": "Step", "two": "Step", "three": "Step"}, ("one two", "two three"))
KILL_EVERY_S = 5.0
CLIENTS = 48
PATIENCE_S = 120.0
AGAIN_S = 0.05
SAMPLE_S = 1.0
CLOCK_NS = 2_000_000
"""How far two readings of one clock by two processes may be out of order."""


@attrs.define
class Sample:
    """What the server held at one moment."""

    rss_mib: float
    descriptors: int


@attrs.define
class Soak:
    """The load, the kills, and what came of them."""

    box: Box
    graph_id: str
    log: Path
    rate: float
    seconds: float
    seed: int = 1
    answers: dict[str, set[str]] = attrs.field(factory=dict)
    """Idempotency-Key to the execution IDs that were answered for it."""
    latencies_s: list[float] = attrs.field(factory=list)
    kills: Counter[str] = attrs.field(factory=Counter)
    samples: list[Sample] = attrs.field(factory=list)
    faults: list[BaseException] = attrs.field(factory=list)
    _started: float = 0.0
    _numbers: Any = attrs.field(factory=itertools.count)
    _over: threading.Event = attrs.field(factory=threading.Event)

    def run(self) -> None:
        """Load and kills for as long as was asked; returns once every request is answered."""
        self._started = time.monotonic()
        clients = [
            threading.Thread(target=self._guarded, args=(self._ask,)) for _ in range(CLIENTS)
        ]
        watcher = threading.Thread(target=self._guarded, args=(self._watch,))
        for thread in (*clients, watcher):
            thread.start()
        try:
            self._kill_until_the_end()
        finally:
            for thread in clients:
                thread.join(PATIENCE_S)
            self._over.set()
            watcher.join()

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - reported by the test
            self.faults.append(fault)

    # -- clients ------------------------------------------------------------------------------

    def _ask(self) -> None:
        # It connects by itself whenever it is not.
        with closing(http.client.HTTPConnection("127.0.0.1", self.box.port, timeout=60)) as client:
            while (number := next(self._numbers)) < self.rate * self.seconds:
                due = self._started + number / self.rate
                time.sleep(max(0.0, due - time.monotonic()))
                self._ask_once(f"request {number}", due, client)

    def _ask_once(self, key: str, due: float, client: http.client.HTTPConnection) -> None:
        """One request, repeated until its result is there."""
        body = json.dumps({"graph_id": self.graph_id, "input": self._input(), "wait": True})
        headers = {
            "Authorization": f"Bearer {self.box.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        identities = self.answers.setdefault(key, set())
        while True:
            assert time.monotonic() < due + PATIENCE_S, f"{key} was never answered"
            try:
                client.request("POST", "/invocations/v1/flows/invoke", body, headers)
                answer = client.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                client.close()
                time.sleep(AGAIN_S)
                continue
            if answer.status == 503:
                time.sleep(AGAIN_S)
                continue
            said = json.loads(content)
            assert answer.status == 202, said
            identities.add(said["execution_id"])
            if "result" in said:
                assert said["result"]["success"], said
                self.latencies_s.append(time.monotonic() - due)
                return

    def _input(self) -> dict[str, str]:
        return {"log": str(self.log)}

    # -- kills --------------------------------------------------------------------------------

    def _kill_until_the_end(self) -> None:
        dice = random.Random(self.seed)
        for number in itertools.count(1):
            at = self._started + number * KILL_EVERY_S + dice.uniform(-1, 1)
            if at > self._started + self.seconds - KILL_EVERY_S:
                return
            time.sleep(max(0.0, at - time.monotonic()))
            if dice.random() < 0.5:
                self._kill_nodes(dice)
            else:
                self._kill_box()

    def _kill_box(self) -> None:
        assert self.box.process is not None
        self.box.process.kill()
        self.box.process.wait()
        self.box.process = None
        self.kills["box"] += 1
        self.box.start()

    def _kill_nodes(self, dice: random.Random) -> None:
        pids = sorted(self.box.node_pids())
        for pid in dice.sample(pids, min(len(pids), dice.choice((1, 2, len(pids))))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills["node processes"] += 1

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            process = self.box.process
            if process is None:
                continue
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            except OSError:
                continue
            sizes = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
            if sizes:
                # Else it has just died, and has no memory any more.
                self.samples.append(Sample(int(sizes[0]) / 1024, descriptors))


@attrs.frozen
class Account:
    """What the store and the nodes' own notes say of a soak."""

    accepted: int
    completed: int
    duplicates: int
    """Requests that made two executions, and executions that no request was told of."""
    lost: int
    """Executions that a client was told of and that are not there, or did not complete."""
    reruns: int
    """Calls of a node that began after its checkpoint."""


def account(soak: Soak, store: Store) -> Account:
    """Hold every promise against the store; the box must have stopped."""
    reader = Reader(store)
    told = set().union(*soak.answers.values())
    executions = {}
    with store.read() as transaction:
        stored = [key.hex() for key, _ in transaction.cursor(store.tables[keys.EXECUTIONS])]
    for identity in stored:
        executions[identity] = reader.find_execution(identity)
    completed = {i for i, e in executions.items() if e and e.status is Status.COMPLETED}
    twice = sum(len(identities) - 1 for identities in soak.answers.values())
    return Account(
        accepted=len(stored),
        completed=len(completed),
        duplicates=twice + len(set(stored) - told),
        lost=len(told - completed),
        reruns=_reruns(soak.log, reader, stored),
    )


def _reruns(log: Path, reader: Reader, stored: list[str]) -> int:
    last: dict[tuple[str, str], int] = {}
    for line in log.read_text().splitlines():
        execution, placement, _, _, began_ns = line.split()
        visit = (execution, placement)
        last[visit] = max(last.get(visit, 0), int(began_ns))
    names = ("one", "two", "three")
    reruns = 0
    for identity in stored:
        for entry in reader.journal(identity):
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
                began_ns = last.pop((identity, names[entry.position.placement]))
                reruns += began_ns > entry.at_ns + CLOCK_NS
    return reruns + len(last)


def table(soak: Soak, found: Account) -> Table:
    """The account, for people."""
    ordered = sorted(soak.latencies_s)
    shown = Table(title=f"{soak.rate:g} executions/s for {soak.seconds:g} s", show_header=False)
    first, last = thirds(soak.samples)
    rows = {
        "accepted": found.accepted,
        "completed": found.completed,
        "kills survived": ", ".join(f"{count} {what}" for what, count in soak.kills.items()),
        "duplicates": found.duplicates,
        "lost": found.lost,
        "checkpointed nodes run again": found.reruns,
        "p50, from the moment a request was due": f"{ordered[len(ordered) // 2] * 1000:.1f} ms",
        "p99, kills and restarts included": f"{ordered[int(len(ordered) * 0.99)] * 1000:.0f} ms",
        "memory of the server, first and last third": f"{first[0]:.0f} and {last[0]:.0f} MiB",
        "its descriptors": f"{first[1]:.0f} and {last[1]:.0f}",
    }
    for name, value in rows.items():
        shown.add_row(name, str(value))
    return shown


def thirds(samples: list[Sample]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Medians of memory (MiB) and descriptors over the first and the last third of a soak."""
    third = len(samples) // 3
    return _medians(samples[:third]), _medians(samples[-third:])


def _medians(samples: list[Sample]) -> tuple[float, float]:
    return (
        statistics.median(sample.rss_mib for sample in samples),
        statistics.median(sample.descriptors for sample in samples),
    )
