"""Steady load, and a kill every five seconds: nothing is lost, nothing runs twice, nothing grows.

The long form: python -m pytest -s -m soak -o faulthandler_timeout=0 tests/system/test_soak.py
"""

from pathlib import Path

import pytest
from rich.console import Console
from system.box import running
from system.lab import compiled, prepare
from system.soak import STEPS, Soak, account, table, thirds

GROWTH_MAX = 1.25


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(200, 60, id="a minute"),
        pytest.param(200, 600, id="ten minutes", marks=pytest.mark.soak),
    ],
)
def test_nothing_is_lost_or_done_twice_and_nothing_grows(tmp_path: Path, capsys, rate, seconds):
    with running(tmp_path / "data") as box:
        prepare(box)
        soak = Soak(box, compiled(box, STEPS), tmp_path / "calls", rate, seconds)
        soak.run()
        assert not soak.faults, soak.faults
        box.stop()
        with box.open_store() as store:
            found = account(soak, store)
        assert box.broken() == []
    with capsys.disabled():
        Console(width=100).print(table(soak, found))
    assert found.completed == found.accepted == rate * seconds == len(soak.latencies_s)
    assert (found.duplicates, found.lost, found.reruns) == (0, 0, 0)
    assert set(soak.kills) == {"box", "node processes"}
    for before, after in zip(*thirds(soak.samples), strict=True):
        assert after <= before * GROWTH_MAX
