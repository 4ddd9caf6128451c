"""What a child costs its parent's record, by how many there are: a store without an engine.

    python tests/bench/children.py

A parent begins so many children, and then they end, each in a transaction of its own, not synced.
The figures are the means for one child: they must not grow like the number of children.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from worlds.rows import commit_now, new_execution, open_writing

from axiomd.execution.execution import Ending
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.plan import Child, Decision
from axiomd.execution.position import Position
from axiomd.store import commit as commits

INPUT = Payload(5, b"hello")
STARTED = Entry(EntryKind.NODE_CHILD_STARTED, 3, Position(0))
FAILED = Ending("NODE_ERROR", "as told")


def cost(count: int, directory: Path) -> tuple[float, float]:
    """Microseconds for the beginning of a child, and for its claim and its end."""
    with open_writing(directory) as (_, writer):
        parent = new_execution(1)
        writer.submit(commits.accept(parent, INPUT, claimed=True))
        commit_now(writer)
        children = [
            new_execution(2 + n, parent_id=parent.execution_id, depth=1) for n in range(count)
        ]
        began = time.perf_counter()
        for child in children:
            decision = Decision((STARTED,), child=Child(child, INPUT))
            writer.submit(commits.decided(parent.execution_id, 1, 3, decision))
            commit_now(writer)
        begun = time.perf_counter()
        for child in children:
            writer.submit(commits.claim(child.execution_id, 4))
            writer.submit(commits.failed(child.execution_id, 1, 7, FAILED))
            commit_now(writer)
        ended = time.perf_counter()
    return (begun - began) / count * 1e6, (ended - begun) / count * 1e6


def main() -> None:
    for count in (250, 1_000, 2_000, 4_000):
        with tempfile.TemporaryDirectory() as directory:
            begin, end = cost(count, Path(directory))
        print(f"{count:,} children: {begin:.0f} µs to begin one, {end:.0f} µs for its end")


if __name__ == "__main__":
    main()
