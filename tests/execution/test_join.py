"""The table of gates: every row, and that every combination has exactly one."""

from itertools import product

import pytest

from axiomd.execution.join import TABLE, Tally, Verdict, judge, matching
from axiomd.flow.artifact import Join

ALL, XOR, TWO = Join(), Join("XOR"), Join(quorum=2)


def test_every_combination_is_matched_by_exactly_one_row():
    used = set()
    for join, numbers in product((ALL, XOR, TWO, Join(quorum=3)), product(range(4), repeat=5)):
        rows = list(matching(join, Tally(*numbers)))
        assert len(rows) == 1, (join, numbers, rows)
        used.add(rows[0])
    assert used == set(TABLE)


@pytest.mark.parametrize(
    ("join", "tally", "verdict"),
    [
        (ALL, Tally(arrived=1, coming=1), Verdict.WAIT),
        (ALL, Tally(arrived=2), Verdict.OPEN),
        (ALL, Tally(arrived=1, missing=1), Verdict.OPEN),
        (ALL, Tally(arrived=1, failed=1), Verdict.OPEN),
        (ALL, Tally(missing=1, coming=1), Verdict.WAIT),
        (ALL, Tally(arrived=1, unsized=1), Verdict.WAIT),
        (ALL, Tally(failed=1, missing=1), Verdict.FAIL),
        (ALL, Tally(missing=2), Verdict.NOT_TAKEN),
        (XOR, Tally(arrived=1, coming=5), Verdict.OPEN),
        (XOR, Tally(failed=1, coming=1), Verdict.WAIT),
        (XOR, Tally(failed=1, missing=1), Verdict.FAIL),
        (XOR, Tally(missing=2), Verdict.NOT_TAKEN),
        (TWO, Tally(arrived=2, coming=3), Verdict.OPEN),
        (TWO, Tally(arrived=1, coming=1), Verdict.WAIT),
        (TWO, Tally(arrived=1, failed=2), Verdict.FAIL),
        (TWO, Tally(arrived=1, missing=2), Verdict.FAIL),
        (TWO, Tally(failed=2, coming=1), Verdict.FAIL),
        (TWO, Tally(missing=2, coming=1), Verdict.WAIT),
        (TWO, Tally(missing=3), Verdict.NOT_TAKEN),
        (TWO, Tally(arrived=1, failed=2, unsized=1), Verdict.WAIT),
        (TWO, Tally(arrived=2, empty=1, coming=1), Verdict.WAIT),
        (TWO, Tally(arrived=2, empty=1), Verdict.FAIL),
        (ALL, Tally(arrived=1, empty=1), Verdict.OPEN),
        (XOR, Tally(arrived=1, empty=1, coming=1), Verdict.OPEN),
    ],
)
def test_a_gate_waits_opens_fails_or_is_not_taken(join, tally, verdict):
    assert judge(join, tally) is verdict
